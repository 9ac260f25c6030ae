package nas

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v3"

	"detnas/core/input"
)

// The two ways in which MMRazor names a block. A prefix such as
// "architecture." may stand before either.
var (
	stageKey = regexp.MustCompile(`(?:^|\.)stage_(\d{1,4})_block_(\d{1,4})$`)
	layerKey = regexp.MustCompile(`(?:^|\.)layers\.(\d{1,4})\.(\d{1,4})$`)
)

// yamlSubnet collects the choices that a file gives, block by block.
type yamlSubnet struct {
	space  Space
	starts []int // index of each stage's first block
	subnet Subnet
	lines  []int // the line that set each block; 0 where none did
}

func decodeYAML(data []byte, space Space) (Subnet, Format, error) {
	var doc, more yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return nil, "", fmt.Errorf("reading the subnet as YAML: %w", input.Plain(err))
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode || len(doc.Content[0].Content) == 0 {
		return nil, "", fmt.Errorf("it holds no subnet; give the short form, such as %s, or one of MMRazor's YAML forms", example(space))
	}
	root := doc.Content[0]
	y := newYAMLSubnet(space)
	format, err := y.read(root)
	if err != nil {
		return nil, "", err
	}
	if err := y.complete(); err != nil {
		return nil, "", err
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, "", errors.New("it goes on after the subnet; keep one document in the file")
	}
	return y.subnet, format, nil
}

func newYAMLSubnet(space Space) *yamlSubnet {
	y := &yamlSubnet{space: space, subnet: make(Subnet, space.Len()), lines: make([]int, space.Len())}
	start := 0
	for _, d := range space.Depths {
		y.starts = append(y.starts, start)
		start += d
	}
	return y
}

// read takes the blocks from the file's root, or from its modules key, and
// tells the format by the first block's name.
func (y *yamlSubnet) read(root *yaml.Node) (Format, error) {
	if modules := lookup(root, "modules"); modules != nil {
		if err := checkModulesRoot(root); err != nil {
			return "", err
		}
		if modules.Kind != yaml.MappingNode {
			return "", fmt.Errorf("line %d: modules must map the blocks' names to choices", modules.Line)
		}
		return FormatModules, y.readBlocks(modules)
	}
	format := FormatMMRazor10
	if stageKey.MatchString(root.Content[0].Value) {
		format = FormatMMRazor01
	}
	return format, y.readBlocks(root)
}

// checkModulesRoot refuses what stands beside modules, save an empty channels
// key: channels tell of pruned widths, which no DetNAS subnet has.
func checkModulesRoot(root *yaml.Node) error {
	seen := 0
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		switch {
		case key.Value == "modules" && seen == 0:
			seen++
		case key.Value == "channels" && len(value.Content) == 0 && (value.Value == "" || value.Tag == "!!null"):
		case key.Value == "channels":
			return fmt.Errorf("line %d: channels is not empty; a subnet with pruned channels cannot be read, as DetNAS searches choices only", key.Line)
		default:
			return fmt.Errorf("line %d: %s beside modules; want modules once and at most an empty channels", key.Line, abridge(key.Value))
		}
	}
	return nil
}

// lookup returns the value of a mapping's key, or nil.
func lookup(m *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Kind == yaml.ScalarNode && m.Content[i].Value == key {
			return m.Content[i+1]
		}
	}
	return nil
}

func (y *yamlSubnet) readBlocks(m *yaml.Node) error {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if err := y.readBlock(m.Content[i], m.Content[i+1]); err != nil {
			return fmt.Errorf("line %d: %w", m.Content[i].Line, err)
		}
	}
	return nil
}

func (y *yamlSubnet) readBlock(key, value *yaml.Node) error {
	stage, block, err := parseBlockKey(key.Value)
	if err != nil {
		return err
	}
	if stage >= len(y.space.Depths) || block >= y.space.Depths[stage] {
		return fmt.Errorf("stage %d block %d lies outside space %s, whose stages have %v blocks; pick the space that the subnet was made for",
			stage, block, y.space.Name, y.space.Depths)
	}
	at := y.starts[stage] + block
	if y.lines[at] != 0 {
		return fmt.Errorf("stage %d block %d was already given in line %d; keep one of the two", stage, block, y.lines[at])
	}
	c, err := choiceOf(value)
	if err != nil {
		return fmt.Errorf("stage %d block %d: %w", stage, block, err)
	}
	if !y.space.allows(c) {
		return fmt.Errorf("stage %d block %d: %s is no choice of space %s (%s)", stage, block, c, y.space.Name, y.space.choiceList())
	}
	y.subnet[at], y.lines[at] = c, key.Line
	return nil
}

// parseBlockKey reads a block's zero-based stage and index from its name.
func parseBlockKey(key string) (stage, block int, err error) {
	m := stageKey.FindStringSubmatch(key)
	if m == nil {
		m = layerKey.FindStringSubmatch(key)
	}
	if m == nil {
		return 0, 0, fmt.Errorf("%s names no block; want stage_0_block_0 or backbone.layers.0.0 and so on", abridge(key))
	}
	if stage, err = strconv.Atoi(m[1]); err != nil {
		return 0, 0, fmt.Errorf("reading the stage of %s: %w", abridge(key), err)
	}
	if block, err = strconv.Atoi(m[2]); err != nil {
		return 0, 0, fmt.Errorf("reading the block of %s: %w", abridge(key), err)
	}
	return stage, block, nil
}

// choiceOf reads a block's value: a name, {chosen: name} or {chosen: [name]}.
// Other keys beside chosen, such as the meta of later MMRazor, say nothing
// about the subnet and are passed over.
func choiceOf(value *yaml.Node) (Choice, error) {
	if value.Kind == yaml.MappingNode {
		if value = lookup(value, "chosen"); value == nil {
			return 0, errors.New("it has no key chosen; write chosen: shuffle_3x3")
		}
	}
	if value.Kind == yaml.SequenceNode {
		if len(value.Content) != 1 {
			return 0, fmt.Errorf("chosen lists %d choices; a subnet has exactly one", len(value.Content))
		}
		value = value.Content[0]
	}
	if value.Kind != yaml.ScalarNode {
		return 0, errors.New("the choice is no plain name; write chosen: shuffle_3x3")
	}
	return ParseChoice(value.Value)
}

// complete returns an error that names the first block that no line gave.
func (y *yamlSubnet) complete() error {
	missing, first := 0, -1
	for i, line := range y.lines {
		if line == 0 {
			missing++
			if first < 0 {
				first = i
			}
		}
	}
	if missing == 0 {
		return nil
	}
	b := y.space.Blocks()[first]
	return fmt.Errorf("it gives no choice for stage %d block %d (%d of the %d blocks of space %s are missing); add them or pick the space that the subnet was made for",
		b.Stage, b.Index, missing, len(y.lines), y.space.Name)
}
