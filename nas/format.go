package nas

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"detnas/core/input"
)

// Format is a way of writing a subnet down.
type Format string

const (
	// FormatShort is one digit a block, stages parted by "-".
	FormatShort Format = "short"
	// FormatMMRazor01 is MMRazor 0.x: stage_0_block_0: {chosen: [shuffle_5x5]}.
	FormatMMRazor01 Format = "mmrazor-0.1"
	// FormatMMRazor10 is MMRazor 1.x: backbone.layers.0.0: {chosen: shuffle_5x5}.
	FormatMMRazor10 Format = "mmrazor-1.0"
	// FormatModules is the form between the two: modules: {backbone.layers.0.0:
	// shuffle_5x5}, followed by an empty channels key.
	FormatModules Format = "modules"
)

// maxSubnetBytes bounds what is read as a subnet's file: a thousand blocks in
// the longest form take less than a quarter of it.
const maxSubnetBytes = 256 << 10

// ParseFormat reads the name of a format.
func ParseFormat(text string) (Format, error) {
	switch f := Format(text); f {
	case FormatShort, FormatMMRazor01, FormatMMRazor10, FormatModules:
		return f, nil
	}
	return "", fmt.Errorf("%q is no subnet format; use mmrazor-0.1, mmrazor-1.0, modules or short", text)
}

// LoadSubnet reads the subnet that a user gave: the short form itself, the name of
// the choice that all blocks have, or the path of a file in any of the formats, of
// at most 256 KiB.
func LoadSubnet(arg string, space Space) (Subnet, error) {
	if IsShort(arg) {
		return ParseSubnet(arg, space)
	}
	data, err := input.File(arg, maxSubnetBytes)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("subnet %s is neither a file nor a short form such as %s", abridge(arg), example(space))
	}
	if err != nil {
		return nil, fmt.Errorf("reading the subnet: %w", err)
	}
	s, _, err := Decode(data, space)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", input.Line(arg), err)
	}
	return s, nil
}

// IsShort reports whether text can only be meant as what ParseSubnet reads, and
// not as a file's path.
func IsShort(text string) bool {
	if _, err := ParseChoice(text); err == nil {
		return true
	}
	text = strings.TrimSpace(text)
	return text != "" && strings.Trim(text, "0123456789-") == ""
}

// Decode reads a subnet from a file's content, telling by itself which format
// it is. Errors name the line and the block. The content may have 256 KiB, of
// which YAML makes 64 MiB in memory at most.
func Decode(data []byte, space Space) (Subnet, Format, error) {
	if len(data) > maxSubnetBytes {
		return nil, "", fmt.Errorf("the file is larger than %d KiB, which no subnet is", maxSubnetBytes>>10)
	}
	if IsShort(string(data)) {
		s, err := ParseSubnet(string(data), space)
		return s, FormatShort, err
	}
	return decodeYAML(data, space)
}

// Encode writes a subnet in the given format, ending in a line break.
func Encode(s Subnet, space Space, format Format) ([]byte, error) {
	if err := s.Check(space); err != nil {
		return nil, err
	}
	var b strings.Builder
	switch format {
	case FormatShort:
		b.WriteString(s.Short(space) + "\n")
	case FormatMMRazor01:
		for i, p := range space.Blocks() {
			fmt.Fprintf(&b, "stage_%d_block_%d:\n  chosen:\n  - %s\n", p.Stage, p.Index, s[i].MMRazor())
		}
	case FormatMMRazor10:
		for i, p := range space.Blocks() {
			fmt.Fprintf(&b, "backbone.layers.%d.%d:\n  chosen: %s\n", p.Stage, p.Index, s[i].MMRazor())
		}
	case FormatModules:
		b.WriteString("modules:\n")
		for i, p := range space.Blocks() {
			fmt.Fprintf(&b, "  backbone.layers.%d.%d: %s\n", p.Stage, p.Index, s[i].MMRazor())
		}
		b.WriteString("channels:\n")
	default:
		_, err := ParseFormat(string(format))
		return nil, err
	}
	return []byte(b.String()), nil
}
