package pth

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"strconv"
	"strings"

	"detnas/core/input"
)

// The bounds of a pickle. A value takes up to 100 bytes of memory beside its text.
const (
	maxPickle = 32 << 20 // bytes; a supernet of 1.3g has 2 MiB
	maxText   = 16 << 20 // of one string
	maxStack  = 1 << 20
	maxValues = 8 << 20 // made or put somewhere; a supernet of 1.3g has half a million
)

// mark parts what is on the stack.
type mark struct{}

// machine does the instructions of a pickle, protocols 2 to 5 (Python's pickletools
// describes them), those that PyTorch writes and no others.
type machine struct {
	in    *counted
	stack []any
	memo  map[int64]any
	made  int // values, those taken up from the memo again included
	// persistent makes a storage of what a pickle says of one.
	persistent func(id any) (any, error)
}

// counted reads and counts up to a bound.
type counted struct {
	r    *bufio.Reader
	read int64
}

func (c *counted) ReadByte() (byte, error) {
	b, err := c.r.ReadByte()
	if err == nil {
		c.read++
		err = c.bound()
	}
	return b, err
}

func (c *counted) bound() error {
	if c.read > maxPickle {
		return fmt.Errorf("%w: its pickle has over %d MiB", input.ErrTooLarge, maxPickle>>20)
	}
	return nil
}

// bytes reads n bytes, without taking memory for more than there are.
func (c *counted) bytes(n uint64) ([]byte, error) {
	if n > maxText {
		return nil, fmt.Errorf("%w: a string of %d bytes", input.ErrTooLarge, n)
	}
	var b strings.Builder
	got, err := io.CopyN(&b, c.r, int64(n)) //nolint:gosec // bounded above
	c.read += got
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err //nolint:wrapcheck // wrapped by run
	}
	return []byte(b.String()), c.bound()
}

func (c *counted) line() (string, error) {
	var b strings.Builder
	for {
		x, err := c.ReadByte()
		if err != nil {
			return "", err
		}
		if x == '\n' {
			return b.String(), nil
		}
		if b.Len() > 1000 {
			return "", fmt.Errorf("%w: a name of over 1,000 bytes", input.ErrTooLarge)
		}
		b.WriteByte(x)
	}
}

// unpickle reads one pickle from r, up to its end.
func unpickle(r *bufio.Reader, persistent func(any) (any, error)) (any, error) {
	v, _, err := unpickleCounted(r, persistent)
	return v, err
}

// unpickleCounted also says how many bytes it took.
func unpickleCounted(r *bufio.Reader, persistent func(any) (any, error)) (any, int64, error) {
	m := &machine{in: &counted{r: r}, memo: map[int64]any{}, persistent: persistent}
	for {
		at := m.in.read
		op, err := m.in.ReadByte()
		if err == nil && op == '.' {
			v, err := m.pop()
			return v, m.in.read, err
		}
		if err == nil {
			err = m.do(op)
		}
		switch {
		case err != nil:
		case len(m.stack) > maxStack:
			err = fmt.Errorf("%w: over %d values side by side", input.ErrTooLarge, maxStack)
		case m.made > maxValues:
			err = fmt.Errorf("%w: over %d values", input.ErrTooLarge, maxValues)
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, m.in.read, fmt.Errorf("its pickle at byte %d: %w", at, err)
		}
	}
}

// do does one instruction.
func (m *machine) do(op byte) error {
	switch op {
	case 0x80: // protocol
		v, err := m.in.ReadByte()
		if err == nil && (v < 2 || v > 5) {
			err = fmt.Errorf("protocol %d; 2 to 5 are read", v)
		}
		return err
	case 0x95: // a frame, which bounds nothing here
		_, err := m.in.bytes(8)
		return err
	case '(':
		m.push(mark{})
		return nil
	case '0':
		_, err := m.pop()
		return err
	case 'N':
		m.push(nil)
	case 0x88, 0x89:
		m.push(op == 0x88)
	case 'K', 'M', 'J', 0x8a, 'G':
		return m.number(op)
	case 'X', 0x8c, 0x8d, 'U', 'T', 'C', 'B', 0x8e:
		return m.text(op)
	case 'q', 'r', 0x94, 'h', 'j':
		return m.memory(op)
	case ')', ']', '}', 't', 0x85, 0x86, 0x87, 'l', 'd', 0x8f, 'a', 'e', 's', 'u', 0x90:
		return m.container(op)
	case 'c', 0x93:
		return m.global(op)
	case 'Q':
		return m.storage()
	case 'R', 0x81, 'b':
		return m.call(op)
	default:
		return fmt.Errorf("instruction %#02x is none that PyTorch writes", op)
	}
	return nil
}

func (m *machine) push(v any) {
	m.made++
	m.stack = append(m.stack, v)
}

func (m *machine) pop() (any, error) {
	if len(m.stack) == 0 {
		return nil, errors.New("it takes more than there is")
	}
	v := m.stack[len(m.stack)-1]
	m.stack = m.stack[:len(m.stack)-1]
	if _, marked := v.(mark); marked {
		return nil, errors.New("it takes more than there is")
	}
	return v, nil
}

// popMarked takes everything above the last mark, and the mark.
func (m *machine) popMarked() ([]any, error) {
	for i := len(m.stack) - 1; i >= 0; i-- {
		if _, marked := m.stack[i].(mark); marked {
			items := append([]any(nil), m.stack[i+1:]...)
			m.stack = m.stack[:i]
			return items, nil
		}
	}
	return nil, errors.New("it takes up to a mark that is not there")
}

// number pushes an integer or a float.
func (m *machine) number(op byte) error {
	size := map[byte]uint64{'K': 1, 'M': 2, 'J': 4, 'G': 8}[op]
	if op == 0x8a {
		n, err := m.in.ReadByte()
		if err != nil {
			return err
		}
		size = uint64(n)
	}
	b, err := m.in.bytes(size)
	if err != nil {
		return err
	}
	switch op {
	case 'K':
		m.push(int64(b[0]))
	case 'M':
		m.push(int64(binary.LittleEndian.Uint16(b)))
	case 'J':
		m.push(int64(int32(binary.LittleEndian.Uint32(b)))) //nolint:gosec // two's complement
	case 'G':
		m.push(math.Float64frombits(binary.BigEndian.Uint64(b)))
	default:
		v := twosComplement(b)
		if !v.IsInt64() {
			m.push(large(v.String()))
			return nil
		}
		m.push(v.Int64())
	}
	return nil
}

// twosComplement reads a little-endian signed integer of any size.
func twosComplement(b []byte) *big.Int {
	v := new(big.Int)
	for i := len(b) - 1; i >= 0; i-- {
		v.Or(v.Lsh(v, 8), big.NewInt(int64(b[i])))
	}
	if len(b) > 0 && b[len(b)-1] > 127 {
		v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b)))) //nolint:gosec // at most 255 bytes
	}
	return v
}

// text pushes a string, or bytes.
func (m *machine) text(op byte) error {
	size := map[byte]uint64{0x8c: 1, 'U': 1, 'C': 1, 'X': 4, 'T': 4, 'B': 4, 0x8d: 8, 0x8e: 8}[op]
	b, err := m.in.bytes(size)
	if err != nil {
		return err
	}
	b, err = m.in.bytes(binary.LittleEndian.Uint64(append(b, make([]byte, 8-size)...)))
	if err != nil {
		return err
	}
	switch op {
	case 'C', 'B', 0x8e:
		m.push(b)
	default:
		m.push(string(b))
	}
	return nil
}

// memory keeps what is on top of the stack under a number, or pushes what was kept.
func (m *machine) memory(op byte) error {
	at := int64(len(m.memo))
	if op != 0x94 {
		size := map[byte]uint64{'q': 1, 'h': 1, 'r': 4, 'j': 4}[op]
		b, err := m.in.bytes(size)
		if err != nil {
			return err
		}
		at = int64(binary.LittleEndian.Uint32(append(b, make([]byte, 4-size)...)))
	}
	if op == 'h' || op == 'j' {
		v, ok := m.memo[at]
		if !ok {
			return fmt.Errorf("it takes up number %d, which was not kept", at)
		}
		m.push(v)
		return nil
	}
	v, err := m.pop()
	if err != nil {
		return err
	}
	m.memo[at] = v
	m.push(v)
	return nil
}

// global pushes what a module and a name stand for.
func (m *machine) global(op byte) error {
	var module, of string
	if op == 0x93 {
		b, err := m.pop()
		if err != nil {
			return err
		}
		a, err := m.pop()
		if err != nil {
			return err
		}
		var okA, okB bool
		module, okA = a.(string)
		of, okB = b.(string)
		if !okA || !okB {
			return fmt.Errorf("it names %s of %s", kindOf(b), kindOf(a))
		}
	} else {
		var err error
		if module, err = m.in.line(); err != nil {
			return err
		}
		if of, err = m.in.line(); err != nil {
			return err
		}
	}
	n := name{module, of}
	if !n.known() {
		return fmt.Errorf("it names %s, which is neither a tensor nor a plain container, and Python would run it; only weights are read here: in Python, save them alone with torch.save(model.state_dict(), PATH)",
			input.Line(strconv.Quote(n.String())))
	}
	m.push(n)
	return nil
}

// storage makes the storage that is described on top of the stack.
func (m *machine) storage() error {
	id, err := m.pop()
	if err != nil {
		return err
	}
	v, err := m.persistent(id)
	if err != nil {
		return err
	}
	m.push(v)
	return nil
}
