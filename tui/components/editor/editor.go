// Package editor edits a TOML text: lines with highlighting, marks beside them,
// undo, and words to complete.
package editor

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"detnas/core/config"
	"detnas/tui/common"
)

// mostUndo bounds how far back one can go.
const mostUndo = 200

// Mark stands beside a line.
type Mark int

// The marks; the greater one wins.
const (
	MarkNone Mark = iota
	MarkChanged
	MarkError
)

// Word is one way to complete what is being typed.
type Word struct {
	Text, About string
}

// Editor is the component.
type Editor struct {
	// Words completes what stands left of the cursor: it returns the words and how
	// many runes of what is typed they replace. It may be nil.
	Words func(before string, line int) (words []Word, replaces int)
	// Marks are by line, from 0.
	Marks map[int]Mark

	common        *common.Common
	lines         [][]rune
	row, col      int
	top, left     int // of the window, lines and columns
	width, height int
	undo, redo    []snapshot
	doing         doing // what the last change was: a stretch of typing is undone as one
	goal          int   // column that up and down keep to; -1 for the cursor's own

	words    []Word // offered
	replaces int
	word     int

	lexed  string // the text that the tokens are of
	tokens []config.Token
}

// doing is what changes are undone together: a stretch of typing, or one of
// removing.
type doing int

const (
	other doing = iota
	typing
	removing
)

type snapshot struct {
	lines    [][]rune
	row, col int
}

// New makes an empty editor.
func New(c *common.Common) *Editor { return &Editor{common: c, lines: [][]rune{nil}, goal: -1} }

// SetText replaces the text and forgets what could be undone.
func (e *Editor) SetText(text string) {
	e.lines = split(text)
	e.undo, e.redo, e.doing = nil, nil, other
	e.row, e.col = min(e.row, len(e.lines)-1), 0
	e.close()
}

// Replace replaces the text; it can be undone.
func (e *Editor) Replace(text string) {
	e.remember(other)
	e.lines = split(text)
	e.clamp()
}

func split(text string) [][]rune {
	var lines [][]rune
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		lines = append(lines, []rune(line))
	}
	return lines
}

// Text is the text.
func (e *Editor) Text() string {
	var b strings.Builder
	for i, l := range e.lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(string(l))
	}
	return b.String()
}

// Line is the cursor's line, from 0.
func (e *Editor) Line() int { return e.row }

// GoTo puts the cursor at the start of a line, from 0; a line that is not in
// sight comes to the upper third.
func (e *Editor) GoTo(line int) {
	e.row, e.col = min(max(line, 0), len(e.lines)-1), 0
	if e.row < e.top || e.row >= e.top+e.height {
		e.top = max(0, e.row-e.height/3)
	}
	e.close()
}

// Resize gives the editor its cells.
func (e *Editor) Resize(width, height int) { e.width, e.height = width, height }

// Completing reports whether words are offered.
func (e *Editor) Completing() bool { return len(e.words) > 0 }

// Update takes a key or a paste, and reports whether the text has changed.
func (e *Editor) Update(msg tea.Msg) bool {
	switch msg := msg.(type) {
	case tea.PasteMsg:
		return e.insert(clean(msg.Content), other)
	case tea.KeyPressMsg:
		if len(e.words) > 0 {
			if changed, taken := e.offered(msg); taken {
				return changed
			}
		}
		return e.key(msg)
	}
	return false
}

// Press presses a key by its name, such as "ctrl+z" or "pgup", and reports
// whether the text has changed. It types nothing.
func (e *Editor) Press(name string) bool {
	e.close()
	return e.named(name)
}

// Click puts the cursor into a cell of the editor.
func (e *Editor) Click(x, y int) {
	e.close()
	e.row = min(max(e.top+y, 0), len(e.lines)-1)
	e.col = atColumn(e.lines[e.row], max(0, x-gutter+e.left))
	e.goal, e.doing = -1, other
}

// Scroll moves the cursor by lines.
func (e *Editor) Scroll(by int) {
	e.close()
	e.moveRows(by)
}

// offered takes a key while words are offered.
func (e *Editor) offered(k tea.KeyPressMsg) (changed, taken bool) {
	switch k.String() {
	case "up", "ctrl+p":
		e.word = (e.word + len(e.words) - 1) % len(e.words)
	case "down", "ctrl+n":
		e.word = (e.word + 1) % len(e.words)
	case "enter", "tab":
		return e.complete(e.words[e.word].Text), true
	case "esc":
		e.close()
	default:
		if k.Text == "" && k.String() != "backspace" {
			e.close()
			return false, false
		}
		changed = e.key(k)
		e.offer() // what fits what is typed by now
		return changed, true
	}
	return false, true
}

// complete puts a word in place of what was typed of it.
func (e *Editor) complete(word string) bool {
	e.remember(other)
	line, at := e.lines[e.row], e.col-min(e.replaces, e.col)
	e.lines[e.row] = slices.Concat(line[:at], []rune(word), line[e.col:])
	e.col = at + len([]rune(word))
	e.close()
	return true
}

func (e *Editor) close() { e.words, e.word = nil, 0 }

// offer offers words for what stands left of the cursor.
func (e *Editor) offer() {
	if e.Words == nil {
		return
	}
	e.words, e.replaces = e.Words(string(e.lines[e.row][:e.col]), e.row)
	e.word = 0
}

func (e *Editor) key(k tea.KeyPressMsg) bool {
	if k.Text != "" {
		e.goal = -1
		return e.insert(k.Text, typing)
	}
	return e.named(k.String())
}

// named takes a key that types nothing.
func (e *Editor) named(name string) bool {
	if by, ok := e.vertical(name); ok {
		e.moveRows(by)
		return false
	}
	e.goal = -1
	if changed, ok := e.change(name); ok {
		return changed
	}
	switch name {
	case "ctrl+home":
		e.row, e.col = 0, 0
	case "ctrl+end":
		e.row, e.col = len(e.lines)-1, len(e.lines[len(e.lines)-1])
	case "home":
		e.home()
	case "end", "ctrl+e":
		e.col = len(e.lines[e.row])
	case "left":
		e.left1()
	case "right":
		e.right1()
	case "ctrl+left", "alt+b":
		e.wordLeft()
	case "ctrl+right", "alt+f":
		e.wordRight()
	case "ctrl+space", "ctrl+@":
		e.offer()
	default:
		return false
	}
	e.doing = other
	e.clamp()
	return false
}

// vertical are the lines that a key goes down by.
func (e *Editor) vertical(key string) (by int, ok bool) {
	switch key {
	case "up":
		return -1, true
	case "down":
		return 1, true
	case "pgup":
		return -max(1, e.height-1), true
	case "pgdown":
		return max(1, e.height-1), true
	}
	return 0, false
}

// moveRows goes down by lines and keeps to the column, over shorter lines too.
func (e *Editor) moveRows(by int) {
	if e.goal < 0 {
		e.goal = columnsOf(e.lines[e.row][:e.col])
	}
	e.row, e.doing = min(max(e.row+by, 0), len(e.lines)-1), other
	e.col = atColumn(e.lines[e.row], e.goal)
}

// change takes the keys that change the text.
func (e *Editor) change(key string) (changed, ok bool) {
	switch key {
	case "enter":
		return e.insert("\n", other), true
	case "tab":
		return e.tab(), true
	case "backspace":
		return e.erase(-1), true
	case "delete", "ctrl+d":
		return e.erase(1), true
	case "ctrl+k":
		return e.cutLine(), true
	case "ctrl+z", "ctrl+_":
		return e.back(&e.undo, &e.redo), true
	case "ctrl+y":
		return e.back(&e.redo, &e.undo), true
	}
	return false, false
}

// tab completes the one word that there is, or offers several; where nothing is
// typed and there is none, it indents.
func (e *Editor) tab() bool {
	e.offer()
	switch {
	case len(e.words) == 1:
		return e.complete(e.words[0].Text)
	case len(e.words) == 0 && strings.TrimSpace(string(e.lines[e.row][:e.col])) == "":
		return e.insert("  ", typing)
	}
	return false
}

// remember keeps the text as it is for undo.
func (e *Editor) remember(now doing) {
	if now != other && e.doing == now {
		return
	}
	e.doing = now
	e.undo = append(e.undo, e.snapshot())
	if len(e.undo) > mostUndo {
		e.undo = slices.Delete(e.undo, 0, 1)
	}
	e.redo = nil
}

func (e *Editor) snapshot() snapshot {
	return snapshot{lines: slices.Clone(e.lines), row: e.row, col: e.col} // lines are replaced, never written to
}

func (e *Editor) back(from, to *[]snapshot) bool {
	if len(*from) == 0 {
		return false
	}
	*to = append(*to, e.snapshot())
	last := (*from)[len(*from)-1]
	*from = (*from)[:len(*from)-1]
	e.lines, e.row, e.col, e.doing = last.lines, last.row, last.col, other
	return true
}

func (e *Editor) insert(text string, as doing) bool {
	if text == "" {
		return false
	}
	e.remember(as)
	parts := split(text)
	line := e.lines[e.row]
	before, after := line[:e.col:e.col], line[e.col:]
	last := len(parts) - 1
	e.col = len(parts[last])
	if last == 0 {
		e.col += len(before)
	}
	parts[0] = slices.Concat(before, parts[0])
	parts[last] = slices.Concat(parts[last], after)
	e.lines = slices.Concat(e.lines[:e.row], parts, e.lines[e.row+1:])
	e.row += last
	return true
}

// erase removes the rune before the cursor (-1) or under it (1).
func (e *Editor) erase(direction int) bool {
	line := e.lines[e.row]
	if direction > 0 {
		if e.col == len(line) && e.row == len(e.lines)-1 {
			return false
		}
		e.remember(removing)
		e.right1()
	} else {
		if e.col == 0 && e.row == 0 {
			return false
		}
		e.remember(removing)
	}
	line = e.lines[e.row]
	if e.col > 0 {
		from := before(line, e.col)
		e.lines = slices.Clone(e.lines)
		e.lines[e.row], e.col = slices.Concat(line[:from], line[e.col:]), from
		return true
	}
	e.col = len(e.lines[e.row-1])
	joined := slices.Concat(e.lines[e.row-1], line)
	e.lines = slices.Concat(e.lines[:e.row-1], [][]rune{joined}, e.lines[e.row+1:])
	e.row--
	return true
}

// cutLine removes what follows the cursor on its line, or the end of the line.
func (e *Editor) cutLine() bool {
	if line := e.lines[e.row]; e.col < len(line) {
		e.remember(other)
		e.lines = slices.Clone(e.lines)
		e.lines[e.row] = slices.Clone(line[:e.col])
		return true
	}
	return e.erase(1)
}

func (e *Editor) home() {
	indent := 0
	for indent < len(e.lines[e.row]) && e.lines[e.row][indent] == ' ' {
		indent++
	}
	if e.col == indent {
		indent = 0
	}
	e.col = indent
}

func (e *Editor) left1() {
	if e.col > 0 {
		e.col = before(e.lines[e.row], e.col)
	} else if e.row > 0 {
		e.row--
		e.col = len(e.lines[e.row])
	}
}

func (e *Editor) right1() {
	if e.col < len(e.lines[e.row]) {
		e.col = after(e.lines[e.row], e.col)
	} else if e.row < len(e.lines)-1 {
		e.row, e.col = e.row+1, 0
	}
}

// wordLeft goes to the start of the word before the cursor.
func (e *Editor) wordLeft() {
	e.left1()
	line := e.lines[e.row]
	for e.col > 0 && line[e.col-1] == ' ' && (e.col == len(line) || line[e.col] == ' ') {
		e.col--
	}
	for e.col > 0 && line[e.col-1] != ' ' {
		e.col--
	}
}

// wordRight goes to the start of the word after the cursor, or to the line's
// end.
func (e *Editor) wordRight() {
	line := e.lines[e.row]
	if e.col == len(line) {
		e.right1()
		return
	}
	for e.col < len(line) && line[e.col] != ' ' {
		e.col++
	}
	for e.col < len(line) && line[e.col] == ' ' {
		e.col++
	}
}

func (e *Editor) clamp() {
	e.row = min(max(e.row, 0), len(e.lines)-1)
	e.col = min(max(e.col, 0), len(e.lines[e.row]))
}

// clean drops what has no place in a text file, and turns tabs into spaces.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' || r == 0x7f {
			return -1
		}
		return r
	}, strings.NewReplacer("\t", "  ", "\r\n", "\n", "\r", "\n").Replace(text))
}
