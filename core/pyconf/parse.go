package pyconf

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"detnas/core/input"
)

// Strange is a statement that is no assignment of literals.
type Strange struct {
	File string
	Line int
	What string
}

// String is the statement's place and what is strange about it.
func (s Strange) String() string { return fmt.Sprintf("%s:%d: %s", s.File, s.Line, s.What) }

// parser reads the statements of a file.
type parser struct {
	scanner
	file    string
	tok     token
	stuck   error // of the scanner, which ends the file
	depth   int
	values  *int            // that may still be made
	base    *Value          // what the files that it inherits have
	vars    *Value          // what is assigned, a Dict
	used    map[string]bool // names that stand in other values
	strange *[]Strange
}

// advance takes the next token.
func (p *parser) advance() {
	if p.stuck == nil {
		p.tok, p.stuck = p.next()
	}
	if p.stuck != nil {
		p.tok = token{line: p.line}
	}
}

// statements reads the whole file.
func (p *parser) statements() error {
	p.advance()
	block := false // within one that was passed over
	for p.tok.kind != tokenEnd {
		if p.tok.kind == tokenNewline || p.tok.kind == tokenOp && p.tok.text == ";" {
			p.advance()
			continue
		}
		line := p.tok.line
		if p.tok.column > 0 && block {
			p.skip()
			continue
		}
		block = false
		if err := p.statement(); err != nil {
			*p.strange = append(*p.strange, Strange{p.file, line, input.Line(err.Error())})
			block = p.skip()
		}
		if len(*p.strange) > 1000 {
			return errors.New("more than 1000 statements are no assignments of literals")
		}
	}
	return p.stuck
}

// skip passes over the rest of a statement, and tells whether a block follows.
func (p *parser) skip() (block bool) {
	p.depth = 0
	for p.tok.kind != tokenEnd && p.tok.kind != tokenNewline {
		block = p.tok.kind == tokenOp && p.tok.text == ":"
		p.advance()
	}
	return block
}

func (p *parser) is(op string) bool { return p.tok.kind == tokenOp && p.tok.text == op }

func (p *parser) expect(op string) error {
	if !p.is(op) {
		return fmt.Errorf("%q stands where %q is expected", p.tok.text, op)
	}
	p.advance()
	return nil
}

// statement is a name, or names joined by dots, and the value that it is given. A
// string alone is a comment.
func (p *parser) statement() error {
	if p.tok.kind == tokenText {
		_, err := p.expression()
		if err == nil {
			err = p.end()
		}
		return err
	}
	if p.tok.kind != tokenName {
		return fmt.Errorf("a statement begins with %q", p.tok.text)
	}
	path := []string{p.tok.text}
	p.advance()
	for p.is(".") {
		p.advance()
		if p.tok.kind != tokenName {
			return errors.New("no name follows a dot")
		}
		path = append(path, p.tok.text)
		p.advance()
	}
	if !p.is("=") {
		return fmt.Errorf("it begins with %s and is no assignment", strings.Join(path, "."))
	}
	p.advance()
	v, err := p.expression()
	if err == nil {
		err = p.end()
	}
	if err != nil {
		return err
	}
	return p.assign(path, v)
}

func (p *parser) end() error {
	if p.tok.kind != tokenNewline && p.tok.kind != tokenEnd && !p.is(";") {
		return fmt.Errorf("%q follows a value", p.tok.text)
	}
	return nil
}

// assign sets a name, or a key of the dict that the names before it lead to.
func (p *parser) assign(path []string, v *Value) error {
	at := p.vars
	if len(path) > 1 && path[0] == "_base_" {
		at, path = p.base, path[1:]
	}
	for _, name := range path[:len(path)-1] {
		if at = at.Get(name); at == nil || at.Kind != Dict {
			return fmt.Errorf("%s is no dict that is known", name)
		}
	}
	if at == nil {
		return errors.New("no file that is inherited is there")
	}
	at.put(path[len(path)-1], v)
	return nil
}

// expression is a sum of products.
func (p *parser) expression() (*Value, error) {
	if p.depth++; p.depth > mostDepth {
		return nil, errTooMuch
	}
	v, err := p.product()
	for err == nil && (p.is("+") || p.is("-")) {
		op := p.tok.text
		p.advance()
		var w *Value
		if w, err = p.product(); err == nil {
			v, err = p.computed(op, v, w)
		}
	}
	p.depth--
	return v, err
}

func (p *parser) product() (*Value, error) {
	v, err := p.factor()
	for err == nil && (p.is("*") || p.is("/")) {
		op := p.tok.text
		p.advance()
		var w *Value
		if w, err = p.factor(); err == nil {
			v, err = p.computed(op, v, w)
		}
	}
	return v, err
}

// computed joins two numbers or, with a plus, two texts.
func (p *parser) computed(op string, a, b *Value) (*Value, error) {
	out := &Value{Kind: a.Kind, File: a.File, Line: a.Line, Int: a.Int && b.Int && op != "/"}
	switch {
	case op == "+" && a.Kind == Text && b.Kind == Text && len(a.Text)+len(b.Text) < 1<<16:
		out.Text = a.Text + b.Text
	case a.Kind != Number || b.Kind != Number:
		return nil, fmt.Errorf("%q stands between values that are not computed", op)
	case op == "+":
		out.Num = a.Num + b.Num
	case op == "-":
		out.Num = a.Num - b.Num
	case op == "*":
		out.Num = a.Num * b.Num
	default:
		out.Num = a.Num / b.Num
	}
	return out, nil
}

func (p *parser) factor() (*Value, error) {
	if !p.is("-") {
		return p.atom()
	}
	p.advance()
	v, err := p.atom()
	if err != nil {
		return nil, err
	}
	if v.Kind != Number {
		return nil, errors.New("a minus stands before what is no number")
	}
	return &Value{Kind: Number, File: v.File, Line: v.Line, Num: -v.Num, Int: v.Int}, nil
}

// atom is a literal, a name that is known, or a call of dict, list or tuple.
func (p *parser) atom() (*Value, error) {
	if *p.values--; *p.values < 0 {
		return nil, errTooMuch
	}
	v := &Value{File: p.file, Line: p.tok.line}
	t := p.tok
	switch {
	case t.kind == tokenText:
		v.Kind = Text
		for p.tok.kind == tokenText { // strings side by side are one
			v.Text += p.tok.text
			p.advance()
		}
		if strings.Contains(v.Text, "{{") {
			return nil, fmt.Errorf("a text is put together from another file: %q", v.Text)
		}
		return v, nil
	case t.kind == tokenNumber:
		p.advance()
		return v, v.number(t.text)
	case t.kind == tokenName:
		return p.name(v)
	case p.is("["):
		return v, p.list(v, "]")
	case p.is("("):
		return v, p.tuple(v)
	case p.is("{"):
		return v, p.braces(v)
	}
	return nil, fmt.Errorf("%q is no value", t.text)
}

// number reads a number of Python.
func (v *Value) number(text string) error {
	v.Kind = Number
	text = strings.ReplaceAll(text, "_", "")
	if n, err := strconv.ParseInt(text, 0, 64); err == nil {
		v.Num, v.Int = float64(n), true
		return nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return fmt.Errorf("%q is no number", text)
	}
	v.Num = f
	return nil
}

// name is a word of the language, a call, or what a name stands for.
func (p *parser) name(v *Value) (*Value, error) {
	word := p.tok.text
	p.advance()
	switch word {
	case "None":
		return v, nil
	case "True", "False":
		v.Kind = Bool
		if word == "True" {
			v.Num = 1
		}
		return v, nil
	case "dict":
		if p.is("(") {
			return v, p.call(v)
		}
	}
	at := p.vars.Get(word)
	switch {
	case word == "_base_" && p.is("."):
		at = p.base
	case at != nil:
		p.used[word] = true
	}
	for at != nil && p.is(".") {
		p.advance()
		if p.tok.kind != tokenName {
			return nil, errors.New("no name follows a dot")
		}
		word += "." + p.tok.text
		at = at.Get(p.tok.text)
		p.advance()
	}
	if at == nil {
		return nil, fmt.Errorf("%s is not known", word)
	}
	if p.is("(") || p.is("[") {
		return nil, fmt.Errorf("%s is called or indexed", word)
	}
	return at, nil
}

// call is dict(a=1, b=2).
func (p *parser) call(v *Value) error {
	v.Kind = Dict
	p.advance()
	for !p.is(")") {
		if p.tok.kind != tokenName {
			return fmt.Errorf("dict(...) has %q where a key is expected", p.tok.text)
		}
		key := p.tok.text
		p.advance()
		if err := p.expect("="); err != nil {
			return err
		}
		if err := p.member(v, key, ")"); err != nil {
			return err
		}
	}
	p.advance()
	return nil
}

// braces is {'a': 1}.
func (p *parser) braces(v *Value) error {
	v.Kind = Dict
	p.advance()
	for !p.is("}") {
		if p.tok.kind != tokenText && p.tok.kind != tokenNumber {
			return fmt.Errorf("a dict has %q where a key is expected", p.tok.text)
		}
		key := p.tok.text
		p.advance()
		if err := p.expect(":"); err != nil {
			return err
		}
		if err := p.member(v, key, "}"); err != nil {
			return err
		}
	}
	p.advance()
	return nil
}

func (p *parser) member(v *Value, key, end string) error {
	x, err := p.expression()
	if err != nil {
		return err
	}
	v.put(key, x)
	if p.is(end) {
		return nil
	}
	return p.expect(",")
}

// list reads the elements up to a bracket.
func (p *parser) list(v *Value, end string) error {
	v.Kind = List
	p.advance()
	for !p.is(end) {
		x, err := p.expression()
		if err != nil {
			return err
		}
		v.Items = append(v.Items, x)
		if p.is(end) {
			break
		}
		if err := p.expect(","); err != nil {
			return err
		}
	}
	p.advance()
	return nil
}

// tuple is a list, or a value in brackets.
func (p *parser) tuple(v *Value) error {
	p.advance()
	if p.is(")") {
		v.Kind = List
		p.advance()
		return nil
	}
	x, err := p.expression()
	if err != nil {
		return err
	}
	if p.is(")") {
		p.advance()
		*v = *x
		return nil
	}
	v.Items = []*Value{x}
	if !p.is(",") {
		return fmt.Errorf("%q stands where \",\" is expected", p.tok.text)
	}
	return p.list(v, ")")
}
