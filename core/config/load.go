package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/BurntSushi/toml"

	"detnas/configs"
	"detnas/core/input"
)

// maxSize bounds a config file in bytes. The largest preset is a twentieth of it.
const maxSize = 256 << 10

// Load reads a preset by its name, or a TOML file by its path, and applies
// overrides of the form key=value in their order. What the text leaves out has
// the value of Defaults. An *Error lists every problem with its line.
func Load(nameOrPath string, sets []string) (*Config, error) {
	name, _ := strings.CutPrefix(nameOrPath, "preset ")
	text, err := fs.ReadFile(configs.Files, name+".toml")
	if err == nil {
		return Parse("preset "+name, text, sets)
	}
	text, err = ReadFile(nameOrPath)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !isPath(nameOrPath):
		return nil, fmt.Errorf("config %s: %s", input.Line(nameOrPath), noPreset(nameOrPath))
	case errors.Is(err, input.ErrNotFile):
		return nil, fmt.Errorf("%w; give a TOML file or one of the presets %s", err, strings.Join(Presets(), ", "))
	case err != nil:
		return nil, err
	}
	return Parse(nameOrPath, text, sets)
}

// ReadFile reads the text of a config, which may have 256 KiB. The error names
// the path.
func ReadFile(path string) ([]byte, error) {
	text, err := input.File(path, maxSize)
	if err != nil {
		return nil, fmt.Errorf("reading config: %w", allow(err))
	}
	return text, nil
}

// allow adds to the error of opening a config what helps where its mode or its
// owner forbids it.
func allow(err error) error {
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return fmt.Errorf("%w; let user %d, who runs this, read it (chmod, chown)", err, os.Geteuid())
}

// Presets lists the names of the embedded configs.
func Presets() []string {
	entries, err := fs.ReadDir(configs.Files, ".")
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".toml"))
	}
	slices.Sort(names)
	return names
}

func isPath(s string) bool {
	return strings.ContainsRune(s, filepath.Separator) || strings.HasSuffix(s, ".toml")
}

func noPreset(name string) string {
	if near := nearest(name, Presets()); near != "" {
		return fmt.Sprintf("no such preset or file; did you mean %s?", near)
	}
	return "no such preset or file; the presets are " + strings.Join(Presets(), ", ")
}

// Parse reads a config from text; file is its name in errors. A text may have 256
// KiB and 32 values within each other; parsing takes up to 128 MiB of memory, and
// time in proportion to the text.
func Parse(file string, text []byte, sets []string) (*Config, error) {
	if len(text) > maxSize {
		return nil, fmt.Errorf("%s: %d bytes are more than a config may have (%d)", input.Line(file), len(text), maxSize)
	}
	doc, err := parseDocument(file, string(text))
	if err != nil {
		return nil, err
	}
	src, sch := newSource(file, string(text)), newSchema()
	for _, set := range sets {
		if err := src.override(sch, set); err != nil {
			return nil, err
		}
	}
	if len(sets) > 0 {
		if doc, err = parseDocument(file, src.text); err != nil {
			return nil, fmt.Errorf("applying --set: write these keys into the file instead: %w", err)
		}
	}
	return build(src, sch, doc)
}

// build checks a parsed text and turns it into a config.
func build(src *source, sch schema, doc *document) (*Config, error) {
	r := &report{src: src}
	sch.check(r, "", doc.tree)
	if err := r.err(); err != nil {
		return nil, err
	}
	cfg := defaultsFor(doc.tree)
	if err := doc.meta.PrimitiveDecode(doc.root, cfg); err != nil {
		return nil, fmt.Errorf("reading config %s: %w", input.Line(src.file), input.Plain(err))
	}
	cfg.src = src
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := cfg.absolute(); err != nil {
		return nil, err
	}
	return cfg, nil
}

// document is a TOML text that has been parsed.
type document struct {
	tree map[string]any
	meta toml.MetaData
	root toml.Primitive
}

// parseDocument parses a text; a syntax error is an *Error with its place.
func parseDocument(file, text string) (*document, error) {
	if !utf8.ValidString(text) {
		return nil, &Error{Problems: []Problem{{File: file, What: "the text is not UTF-8"}}}
	}
	if at, what := nested(text); what != "" {
		line, column := placeOf(text, at)
		return nil, &Error{Problems: []Problem{{File: file, Line: line, Column: column, What: what + "; no config has them"}}}
	}
	d := &document{}
	var err error
	if d.meta, err = toml.Decode(text, &d.root); err == nil {
		err = d.meta.PrimitiveDecode(d.root, &d.tree)
	}
	var syntax toml.ParseError
	switch {
	case errors.As(err, &syntax):
		line, column := placeOf(text, syntax.Position.Start)
		return nil, &Error{Problems: []Problem{{File: file, Line: line, Column: column, What: input.Line(syntax.Message)}}}
	case err != nil:
		return nil, fmt.Errorf("reading config %s: %w", input.Line(file), input.Plain(err))
	}
	return d, nil
}

// placeOf is the line and the column, in characters and both from 1, of a byte of
// a text.
func placeOf(text string, at int) (line, column int) {
	before := text[:max(0, min(at, len(text)))]
	line = strings.Count(before, "\n") + 1
	return line, utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
}
