package config

import (
	"embed"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"reflect"
	"regexp"
	"strings"
	"sync"
)

// Key is one key of the schema.
type Key struct {
	Path    string // dotted
	Table   string // "" for the top
	Name    string
	Wants   string   // "a string", "a number", ...
	Doc     string   // what it is, in the schema's words
	Default string   // TOML
	Words   []string // that it takes, where those are few
}

// Keys lists the schema, in its order.
func Keys() []Key { return keys() }

var keys = sync.OnceValue(func() []Key {
	docs, words, sch := fieldDocs(), keyWords(), newSchema()
	values := Defaults().leaves()
	out := make([]Key, 0, len(values))
	for _, path := range schemaOrder() {
		table, name := cutLast(path)
		out = append(out, Key{
			Path: path, Table: table, Name: name, Wants: wanted(sch[path]), Doc: docs[path],
			Default: literalOf(values[path]), Words: words[path],
		})
	}
	return out
})

// keyWords are the words of keys that take few: those that the validator knows,
// and those of keys that take others as well.
func keyWords() map[string][]string {
	v := &validator{words: map[string][]string{}}
	v.all(Defaults())
	v.words["device"] = []string{"auto", "cpu", "cuda:0"}
	v.words["space.preset"] = []string{"300m", "1.3g", "3.8g", PresetCustom}
	v.words["search.cost"] = append(counts(), CostLatency)
	v.words["space.layout"] = []string{"mmrazor", "official", "official-2"}
	for path, t := range newSchema() {
		if t != nil && t.Kind() == reflect.Bool {
			v.words[path] = []string{"true", "false"}
		}
	}
	return v.words
}

// The files that the schema's structs are in: their comments are what people
// read about a key.
//
//go:embed config.go detector.go
var sources embed.FS

// fieldDocs are the comments of the schema's fields by key. A field without one
// shares that of the field above.
func fieldDocs() map[string]string {
	structs := map[string]map[string]string{} // by type, by field
	for _, name := range []string{"config.go", "detector.go"} {
		text, err := fs.ReadFile(sources, name)
		if err != nil {
			continue // embedded
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			continue // it compiles
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if t, ok := n.(*ast.TypeSpec); ok {
				if s, ok := t.Type.(*ast.StructType); ok {
					structs[t.Name.Name] = docsOf(s)
				}
			}
			return true
		})
	}
	out := map[string]string{}
	eachField("", reflect.TypeFor[Config](), func(key string, in reflect.Type, f reflect.StructField) {
		out[key] = inTOML(structs[in.Name()][f.Name], in)
	})
	return out
}

func docsOf(s *ast.StructType) map[string]string {
	out, last := map[string]string{}, ""
	for _, f := range s.Fields.List {
		if text := strings.Join(strings.Fields(f.Doc.Text()), " "); text != "" {
			last = text
		}
		if text := strings.Join(strings.Fields(f.Comment.Text()), " "); text != "" {
			last = text
		}
		for _, name := range f.Names {
			out[name.Name] = last
		}
	}
	return out
}

var capitalised = regexp.MustCompile(`\b[A-Z][A-Za-z]+\b`)

// inTOML writes the names of a struct's fields as the TOML has them.
func inTOML(doc string, t reflect.Type) string {
	return capitalised.ReplaceAllStringFunc(doc, func(word string) string {
		if f, ok := t.FieldByName(word); ok && f.Tag.Get("toml") != "" {
			return f.Tag.Get("toml")
		}
		return word
	})
}
