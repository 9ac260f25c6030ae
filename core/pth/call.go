package pth

import "fmt"

// kinds are the storages by the name that PyTorch gives them.
func storageKind(n name) (kind, bool) {
	if n.module != "torch" && n.module != "torch.cuda" {
		return 0, false
	}
	for _, k := range kinds() {
		if n.name == k.storage() {
			return k, true
		}
	}
	return 0, false
}

// known reports whether a name stands for something that is built here.
func (n name) known() bool {
	switch n.String() {
	case "collections.OrderedDict", "collections.defaultdict", "builtins.dict", "__builtin__.dict", "builtins.set", "__builtin__.set",
		"torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor", "torch._utils._rebuild_parameter", "torch.nn.parameter.Parameter":
		return true
	}
	_, is := storageKind(n)
	return is || n.inert()
}

// call does what a pickle says with a name: it makes something from arguments ('R'
// and 0x81, "reduce" and "new"), or gives it a state ('b', "build").
func (m *machine) call(op byte) error {
	args, err := m.pop()
	if err != nil {
		return err
	}
	of, err := m.pop()
	if err != nil {
		return err
	}
	if op == 'b' {
		// An OrderedDict's attributes (a state_dict's versions of modules), or the
		// state of what is not looked into.
		switch of.(type) {
		case *dict, opaque, *view:
			m.push(of)
			return nil
		}
		return fmt.Errorf("it gives a state to %s", kindOf(of))
	}
	n, ok := of.(name)
	in, isTuple := args.(tuple)
	if !ok || !isTuple {
		return fmt.Errorf("it calls %s with %s", kindOf(of), kindOf(args))
	}
	v, err := made(n, in)
	if err != nil {
		return fmt.Errorf("%s: %w", n, err)
	}
	if d, ok := v.(*dict); ok { // the same list may be made into many
		m.made += len(d.keys)
	}
	m.push(v)
	return nil
}

// made is what a known name makes of arguments.
func made(n name, args tuple) (any, error) {
	switch n.String() {
	case "collections.OrderedDict", "builtins.dict", "__builtin__.dict", "collections.defaultdict":
		return filled(n, args)
	case "builtins.set", "__builtin__.set":
		return &list{}, nil
	case "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor":
		return rebuilt(args)
	case "torch._utils._rebuild_parameter", "torch.nn.parameter.Parameter":
		if len(args) > 0 {
			if v, ok := args[0].(*view); ok {
				return v, nil
			}
		}
		return nil, fmt.Errorf("a parameter of no tensor")
	}
	if n.isGetattr() {
		// MMEngine's logs keep their methods so; what it would give is not looked at.
		if of, ok := args.first().(name); !ok || !of.inert() {
			return nil, fmt.Errorf("it is asked for a part of %s, which Python would look up", kindOf(args.first()))
		}
	}
	if n.inert() {
		return opaque{n}, nil
	}
	return nil, fmt.Errorf("it is not called in a checkpoint")
}

// filled is a dictionary made from a list of pairs; a default's type is left out.
func filled(n name, args tuple) (any, error) {
	d := &dict{}
	if len(args) == 0 || n.name == "defaultdict" {
		return d, nil
	}
	pairs, ok := args[0].(*list)
	if !ok {
		return nil, fmt.Errorf("made from %s", kindOf(args[0]))
	}
	for _, p := range pairs.items {
		var pair []any
		switch p := p.(type) {
		case *list:
			pair = p.items
		case tuple:
			pair = p
		}
		if len(pair) != 2 {
			return nil, fmt.Errorf("made from %s in place of a pair", kindOf(p))
		}
		d.put(pair[0], pair[1])
	}
	return d, nil
}

// rebuilt is a tensor: its storage, its offset in that, its shape and strides.
func rebuilt(args tuple) (any, error) {
	if len(args) < 4 {
		return nil, fmt.Errorf("%d arguments; a tensor has its storage, offset, shape and strides", len(args))
	}
	s, okS := args[0].(*storage)
	offset, okO := args[1].(int64)
	shape, okH := integers(args[2])
	strides, okR := integers(args[3])
	if !okS || !okO || !okH || !okR {
		return nil, fmt.Errorf("made from %s, %s, %s and %s", kindOf(args[0]), kindOf(args[1]), kindOf(args[2]), kindOf(args[3]))
	}
	v := &view{of: s, offset: offset, shape: shape, strides: strides}
	return v, v.check()
}

// integers reads a shape.
func integers(v any) ([]int64, bool) {
	items, ok := v.(tuple)
	if !ok || len(items) > maxRank {
		return nil, false
	}
	out := make([]int64, len(items))
	for i, x := range items {
		if out[i], ok = x.(int64); !ok {
			return nil, false
		}
	}
	return out, true
}
