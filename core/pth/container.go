package pth

import "fmt"

// container makes a container, or puts something into the one below.
func (m *machine) container(op byte) error {
	switch op {
	case ')':
		m.push(tuple{})
		return nil
	case ']', 0x8f:
		m.push(&list{})
		return nil
	case '}':
		m.push(&dict{})
		return nil
	case 0x85, 0x86, 0x87:
		items := make(tuple, int(op-0x84))
		for i := len(items) - 1; i >= 0; i-- {
			var err error
			if items[i], err = m.pop(); err != nil {
				return err
			}
		}
		m.push(items)
		return nil
	case 'a', 's':
		return m.one(op)
	}
	items, err := m.popMarked()
	if err != nil {
		return err
	}
	switch op {
	case 't':
		m.push(tuple(items))
	case 'l':
		m.push(&list{items})
	case 'd':
		d := &dict{}
		m.push(d)
		return d.putAll(items)
	default: // 'e', 0x90, 'u'
		return m.into(op == 'u', items)
	}
	return nil
}

// one appends a value to a list, or sets a key of a dictionary.
func (m *machine) one(op byte) error {
	items := make([]any, 1)
	if op == 's' {
		items = make([]any, 2)
	}
	for i := len(items) - 1; i >= 0; i-- {
		var err error
		if items[i], err = m.pop(); err != nil {
			return err
		}
	}
	return m.into(op == 's', items)
}

// into puts items into the container on top of the stack.
func (m *machine) into(pairs bool, items []any) error {
	top, err := m.pop()
	if err != nil {
		return err
	}
	m.push(top)
	switch c := top.(type) {
	case opaque:
		return nil // whatever it held
	case *list:
		if !pairs {
			c.items = append(c.items, items...)
			return nil
		}
	case *dict:
		if pairs {
			return c.putAll(items)
		}
	}
	return fmt.Errorf("it puts something into %s", kindOf(top))
}

// putAll sets keys from a row of keys and values.
func (d *dict) putAll(items []any) error {
	if len(items)%2 != 0 {
		return fmt.Errorf("a dictionary of %d keys and values", len(items))
	}
	for i := 0; i < len(items); i += 2 {
		d.put(items[i], items[i+1])
	}
	return nil
}
