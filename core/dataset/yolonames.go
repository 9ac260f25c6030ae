package dataset

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"detnas/core/input"
)

// Bounds on a file of names.
const (
	maxNamesBytes = 1 << 20
	maxNames      = 65_536
)

// YOLONames are the names of the classes, by their numbers from 0: of a .yaml or
// .yml file the list or the map "names", as in Ultralytics' data.yaml, and of any
// other file its lines, as in Darknet's obj.names. The error names the file. Names
// are bounded to 65,536 and the file to 1 MiB.
func YOLONames(path string) ([]string, error) {
	if path == "" {
		return nil, errors.New("no file of the classes' names is given; name data.yaml, or a text file with a name on each line")
	}
	text, err := input.File(path, maxNamesBytes)
	if err != nil {
		return nil, fmt.Errorf("read the classes' names: %w", err)
	}
	var names []string
	switch strings.ToLower(filepath.Ext(path)) {
	case ".yaml", ".yml":
		names, err = namesOfYAML(text)
	default:
		names = namesOfLines(string(text))
	}
	if err == nil {
		err = checkNames(names)
	}
	if err != nil {
		return nil, fmt.Errorf("the classes' names in %s: %w", input.Line(path), input.Plain(err))
	}
	return names, nil
}

// namesOfLines are the lines; empty ones at the end are none.
func namesOfLines(text string) []string {
	lines := strings.Split(strings.TrimRight(text, " \t\r\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return lines
}

// namesOfYAML are those of a list, or of a map from the numbers 0, 1, 2 and so on.
func namesOfYAML(text []byte) ([]string, error) {
	var file struct {
		NC    *int      `yaml:"nc"`
		Names yaml.Node `yaml:"names"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		return nil, err //nolint:wrapcheck // the caller says what was read
	}
	var names []string
	switch file.Names.Kind {
	case yaml.SequenceNode:
		if err := file.Names.Decode(&names); err != nil {
			return nil, err //nolint:wrapcheck // as above
		}
	case yaml.MappingNode:
		byNumber := map[int]string{}
		if err := file.Names.Decode(&byNumber); err != nil {
			return nil, err //nolint:wrapcheck // as above
		}
		for k := range len(byNumber) {
			name, ok := byNumber[k]
			if !ok {
				return nil, fmt.Errorf("names has %d entries and none for %d; number them 0, 1, 2 and so on", len(byNumber), k)
			}
			names = append(names, name)
		}
	default:
		return nil, errors.New("there is no list or map called names")
	}
	if file.NC != nil && *file.NC != len(names) {
		return nil, fmt.Errorf("nc is %d and names has %d entries; correct one of them", *file.NC, len(names))
	}
	return names, nil
}

// checkNames refuses names that are empty, or given twice.
func checkNames(names []string) error {
	if len(names) > maxNames {
		return fmt.Errorf("there are %d, where %d may be", len(names), maxNames)
	}
	first := map[string]int{}
	for k, name := range names {
		if name == "" {
			return fmt.Errorf("class %d has none; give it one", k)
		}
		if j, twice := first[name]; twice {
			return fmt.Errorf("the classes %d and %d are both called %q; name them apart", j, k, input.Line(name))
		}
		first[name] = k
	}
	return nil
}
