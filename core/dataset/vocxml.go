package dataset

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"detnas/core/input"
)

// vocFile is what is read of an annotation file in VOC's form; all else, such as
// pose, truncated and the parts of a person, is passed over. Texts are
// empty where they are absent; space around them goes, and within them is one.
type vocFile struct {
	width, height string
	objects       []vocObject
}

type vocObject struct {
	name      string
	box       [4]string // xmin, ymin, xmax, ymax
	difficult bool
	line      int // at which it begins
}

// Bounds on an annotation file. VOC's have up to some 30 kB, 60 objects and five
// levels.
const (
	maxVOCBytes   = 8 << 20
	maxVOCObjects = 20_000
	maxVOCDepth   = 16
)

// readVOC parses the annotation file at path; the error of one that is no XML of
// that kind is a *lineError.
func readVOC(path string) (*vocFile, error) {
	text, err := input.File(path, maxVOCBytes)
	if err != nil {
		return nil, fmt.Errorf("read an annotation: %w", err)
	}
	return parseVOC(bytes.NewReader(text))
}

// parseVOC reads an annotation file token by token. A document type is refused, so
// that no entities are declared; those of XML itself are all there are. Memory is
// taken, and given back for the larger part, of up to 64 times its bytes.
func parseVOC(r io.Reader) (*vocFile, error) {
	p := vocParser{dec: xml.NewDecoder(r)}
	p.dec.CharsetReader = func(label string, _ io.Reader) (io.Reader, error) {
		return nil, fmt.Errorf("the encoding %q is not read; save the file as UTF-8", label)
	}
	for {
		t, err := p.dec.Token()
		if errors.Is(err, io.EOF) && p.begun {
			return &p.file, nil
		}
		if err == nil {
			err = p.token(t)
		}
		if err != nil {
			return nil, p.placed(err)
		}
	}
}

// vocParser is a file that is being read.
type vocParser struct {
	dec   *xml.Decoder
	path  []string // elements that are open
	text  strings.Builder
	begun bool // the outermost element has been met
	file  vocFile
}

func (p *vocParser) token(t xml.Token) error {
	switch t := t.(type) {
	case xml.StartElement:
		return p.open(t.Name.Local)
	case xml.CharData:
		p.text.Write(t)
	case xml.EndElement:
		text := strings.Join(strings.Fields(p.text.String()), " ")
		p.text.Reset()
		err := p.take(strings.Join(p.path, "/"), text)
		p.path = p.path[:len(p.path)-1]
		return err
	case xml.Directive:
		return errors.New("a document type or an entity is declared; remove it")
	}
	return nil
}

// open begins an element.
func (p *vocParser) open(name string) error {
	p.text.Reset()
	switch {
	case len(p.path) == 0 && (p.begun || name != "annotation"):
		return fmt.Errorf("<%s> where <annotation> should be the only outermost element; is this an annotation in VOC's form?", name)
	case len(p.path) == maxVOCDepth:
		return fmt.Errorf("<%s> lies deeper than the %d levels that an annotation may have", name, maxVOCDepth)
	}
	p.begun = true
	if len(name) > len("annotation") { // none that is read, and however long
		name = "-"
	}
	if p.path = append(p.path, name); len(p.path) != 2 || name != "object" {
		return nil
	}
	if len(p.file.objects) == maxVOCObjects {
		return fmt.Errorf("more than the %d objects that an annotation may have", maxVOCObjects)
	}
	line, _ := p.dec.InputPos()
	p.file.objects = append(p.file.objects, vocObject{line: line})
	return nil
}

// take keeps the text of an element that ends.
func (p *vocParser) take(path, text string) error {
	switch path {
	case "annotation/size/width":
		return once(&p.file.width, text, path)
	case "annotation/size/height":
		return once(&p.file.height, text, path)
	}
	field, ok := strings.CutPrefix(path, "annotation/object/")
	if !ok {
		return nil
	}
	o := &p.file.objects[len(p.file.objects)-1]
	switch field {
	case "name":
		return once(&o.name, text, path)
	case "difficult":
		switch text {
		case "", "0", "false":
		case "1", "true":
			o.difficult = true
		default:
			return fmt.Errorf("difficult is %q; it must be 0 or 1", text)
		}
	case "bndbox/xmin":
		return once(&o.box[0], text, path)
	case "bndbox/ymin":
		return once(&o.box[1], text, path)
	case "bndbox/xmax":
		return once(&o.box[2], text, path)
	case "bndbox/ymax":
		return once(&o.box[3], text, path)
	}
	return nil
}

// once keeps a text that an element may have but one of.
func once(to *string, text, path string) error {
	if *to != "" {
		return fmt.Errorf("a second %s", path)
	}
	*to = text
	return nil
}

// placed adds the line at which the reader stood.
func (p *vocParser) placed(err error) error {
	line, _ := p.dec.InputPos()
	var syntax *xml.SyntaxError
	switch {
	case errors.Is(err, io.EOF):
		err = errors.New("there is no element in the file")
	case errors.As(err, &syntax) && strings.Contains(syntax.Msg, "unexpected EOF"):
		line, err = syntax.Line, errors.New("the file ends too early; it may be cut short")
	case errors.As(err, &syntax):
		line, err = syntax.Line, errors.New(syntax.Msg)
	}
	return &lineError{line, input.Plain(err)}
}

// lineError is an error at a line of a file.
type lineError struct {
	line int
	err  error
}

// Error implements error.
func (e *lineError) Error() string { return fmt.Sprintf("line %d: %v", e.line, e.err) }

// Unwrap gives the error without its place.
func (e *lineError) Unwrap() error { return e.err }
