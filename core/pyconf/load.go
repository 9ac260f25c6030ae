package pyconf

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"detnas/core/input"
)

// Config is what a file comes to with those that it inherits.
type Config struct {
	// Values is a Dict of what is assigned, without names that only stand for parts of
	// other values.
	Values *Value
	// Strange are the statements that were passed over, and Absent the files that it
	// inherits and that are not there, with the reason.
	Strange []Strange
	Absent  []Strange
}

// Load reads a config and the files that its _base_ names, which have to lie where it
// says. A package's (mmdet::a.py) lie in the folder of its sources, which packages has
// by its name, in configs or, as installed, in .mim/configs (mmengine's
// Config._get_cfg_path); those of others are absent. A file has up to 1 MiB, a config up to
// 64 files and 100,000 values in 64 levels. The error names the file.
func Load(path string, packages map[string]string) (*Config, error) {
	l := &loader{packages: packages, used: map[string]bool{}, values: mostValues, copier: copier{left: mostValues}}
	v, err := l.load(path, 0)
	if err != nil {
		return nil, err
	}
	for name := range l.used {
		v.drop(name)
	}
	v.drop("_base_")
	return &Config{Values: v, Strange: l.strange, Absent: l.absent}, nil
}

type loader struct {
	copier
	packages        map[string]string // folders by name
	used            map[string]bool
	values, files   int
	strange, absent []Strange
}

func (l *loader) load(path string, depth int) (*Value, error) {
	if l.files++; l.files > mostFiles || depth > mostDepth {
		return nil, fmt.Errorf("read %s: more than %d files inherit one another", input.Line(path), mostFiles)
	}
	text, err := input.File(path, mostBytes)
	if err != nil {
		return nil, fmt.Errorf("read a config: %w", err)
	}
	p := &parser{scanner: scanner{text: strings.ReplaceAll(string(text), "\r\n", "\n"), line: 1}, file: path, values: &l.values, strange: &l.strange, used: map[string]bool{}, vars: &Value{Kind: Dict, File: path, Line: 1}}
	// what is inherited has to be known before what stands on it: _base_ is read first
	head := *p
	head.strange, head.vars, head.used = &[]Strange{}, &Value{Kind: Dict}, map[string]bool{}
	left := l.values
	_ = head.statements()
	l.values = left
	base, err := l.inherited(path, head.vars.Get("_base_"), depth)
	if err != nil {
		return nil, err
	}
	p.base = base
	if err := p.statements(); err != nil {
		return nil, fmt.Errorf("read %s: %w", input.Line(path), err)
	}
	if err := l.merge(base, p.vars, 0); err != nil {
		return nil, fmt.Errorf("read %s: %w", input.Line(path), err)
	}
	maps.Copy(l.used, p.used)
	return base, nil
}

// inherited merges the files that a _base_ names, which is a text or a list of them.
func (l *loader) inherited(path string, base *Value, depth int) (*Value, error) {
	out := &Value{Kind: Dict, File: path, Line: 1}
	if base == nil {
		return out, nil
	}
	names := base.Items
	if base.Kind == Text {
		names = []*Value{base}
	}
	for _, n := range names {
		file, why := l.file(path, n)
		if why != "" {
			l.absent = append(l.absent, Strange{path, n.Line, why})
			continue
		}
		if f, _, err := input.Open(file); err != nil {
			l.absent = append(l.absent, Strange{path, n.Line, input.Line(err.Error())})
			continue
		} else if err := f.Close(); err != nil {
			return nil, fmt.Errorf("read %s: %w", input.Line(file), err)
		}
		v, err := l.load(file, depth+1)
		if err != nil {
			return nil, err
		}
		if err := l.merge(out, v, 0); err != nil {
			return nil, fmt.Errorf("read %s: %w", input.Line(file), err)
		}
	}
	return out, nil
}

// file is where a file that path inherits lies, or why it is not looked for.
func (l *loader) file(path string, name *Value) (file, why string) {
	text := filepath.FromSlash(name.Text)
	pack, within, is := strings.Cut(text, "::")
	switch {
	case name.Kind != Text:
		return "", "a file that it inherits is named by no text"
	case !is:
		return filepath.Join(filepath.Dir(path), text), ""
	case l.packages[pack] == "":
		return "", fmt.Sprintf("%s is a file of a package: name the folder of its sources with --package %s=DIR", input.Line(name.Text), input.Line(pack))
	}
	for _, configs := range []string{"configs", filepath.Join(".mim", "configs")} {
		file = filepath.Join(l.packages[pack], configs, within)
		if _, err := os.Stat(file); err == nil {
			return file, ""
		}
	}
	return "", fmt.Sprintf("%s is neither in configs nor in .mim/configs of %s", input.Line(name.Text), input.Line(l.packages[pack]))
}
