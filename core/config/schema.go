package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"detnas/core/input"
)

// schema maps every dotted key to the Go type of its value, or to nil for a
// table.
type schema map[string]reflect.Type

// newSchema returns the schema, which nobody changes.
var newSchema = sync.OnceValue(func() schema {
	s := schema{}
	eachField("", reflect.TypeFor[Config](), func(key string, _ reflect.Type, f reflect.StructField) {
		if s[key] = f.Type; f.Type.Kind() == reflect.Struct {
			s[key] = nil
		}
	})
	return s
})

// eachField visits the schema's fields in their order, tables before their keys,
// each with its dotted key and the struct that it stands in.
func eachField(table string, in reflect.Type, visit func(key string, in reflect.Type, f reflect.StructField)) {
	for i := range in.NumField() {
		f := in.Field(i)
		switch {
		case f.Anonymous:
			eachField(table, f.Type, visit)
		case f.IsExported():
			key := joinKey(table, f.Tag.Get("toml"))
			visit(key, in, f)
			if f.Type.Kind() == reflect.Struct {
				eachField(key, f.Type, visit)
			}
		}
	}
}

// isTable reports whether key is a table; the root, "", is one.
func (s schema) isTable(key string) bool {
	t, known := s[key]
	return key == "" || known && t == nil
}

// names lists the keys of a table, sorted.
func (s schema) names(table string) []string {
	var names []string
	for key := range s {
		if t, name := cutLast(key); t == table {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// unknown says what to write instead of a key that is none.
func (s schema) unknown(key string) string {
	table, name := cutLast(key)
	if near := nearest(name, s.names(table)); near != "" {
		return fmt.Sprintf("unknown key; did you mean %s?", joinKey(table, near))
	}
	var elsewhere []string
	for _, k := range slices.Sorted(maps.Keys(s)) {
		if _, n := cutLast(k); n == name {
			elsewhere = append(elsewhere, k)
		}
	}
	if len(elsewhere) > 0 {
		return fmt.Sprintf("unknown key; did you mean %s?", strings.Join(elsewhere, " or "))
	}
	if table == "" {
		return "unknown key; there are " + strings.Join(s.names(""), ", ")
	}
	if !s.isTable(table) {
		return "unknown key"
	}
	return fmt.Sprintf("unknown key; [%s] has %s", table, strings.Join(s.names(table), ", "))
}

// check reports unknown keys and values of the wrong type under table.
func (s schema) check(r *report, table string, tree map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		if len(r.problems) == maxProblems {
			return
		}
		key, v := joinKey(table, keyPart(name)), tree[name]
		t, known := s[key]
		sub, isTable := v.(map[string]any)
		switch {
		case !known:
			r.add(key, "%s", s.unknown(key))
		case t == nil && isTable:
			s.check(r, key, sub)
		case t == nil:
			r.add(key, "is a table; write [%s] and its keys below, not %s", key, typeOf(v))
		case !fits(t, v):
			r.add(key, "wants %s, not %s", wanted(t), typeOf(v))
		}
	}
}

// fits reports whether a decoded TOML value can become a t.
func fits(t reflect.Type, v any) bool {
	switch x := v.(type) {
	case string:
		return t.Kind() == reflect.String
	case bool:
		return t.Kind() == reflect.Bool
	case int64:
		return t.Kind() == reflect.Int || t.Kind() == reflect.Int64 || t.Kind() == reflect.Float64 ||
			t.Kind() == reflect.Uint64 && x >= 0
	case float64:
		return t.Kind() == reflect.Float64
	case []any:
		return t.Kind() == reflect.Slice && !slices.ContainsFunc(x, func(e any) bool { return !fits(t.Elem(), e) })
	default:
		return false
	}
}

// wanted names the values of a type.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Float64:
		return "a number"
	case reflect.Uint64:
		return "an integer from 0 on"
	case reflect.Slice:
		return "a list, each element " + wanted(t.Elem())
	default:
		return "an integer"
	}
}

// typeOf names a decoded TOML value in an error.
func typeOf(v any) string {
	switch x := v.(type) {
	case string:
		return "the string " + input.Line(clip(quote(x)))
	case bool, int64, float64:
		return fmt.Sprintf("%v", x)
	case []any:
		if text, ok := literal(x); ok {
			return "the list " + input.Line(clip(text))
		}
		return "a list"
	case time.Time:
		return "a date"
	default:
		return "a table"
	}
}

// clip shortens what an error quotes.
func clip(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:59]) + "…"
	}
	return s
}
