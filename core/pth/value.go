package pth

import (
	"fmt"
	"slices"
	"strings"
)

// A value of a pickle is nil, bool, int64, float64, string, []byte, or one of these.
type (
	// list is a list or a set.
	list struct{ items []any }
	// tuple is a tuple.
	tuple []any
	// dict is a dictionary, in the order of its file.
	dict struct {
		keys, values []any
	}
	// large is an integer of over 64 bits, in decimal.
	large string
	// name is a function or a class that the pickle names, by module and name.
	name struct{ module, name string }
	// opaque is something of a class that is known and not looked into.
	opaque struct{ of name }
	// storage is what tensors have their elements in.
	storage struct {
		key   string
		kind  kind
		count int64 // elements
	}
	// view is a tensor: a part of a storage.
	view struct {
		of             *storage
		offset         int64 // in elements
		shape, strides []int64
	}
)

func (n name) String() string { return n.module + "." + n.name }

// isGetattr reports whether a name is Python's getattr.
func (n name) isGetattr() bool {
	return (n.module == "builtins" || n.module == "__builtin__") && n.name == "getattr"
}

// first is a tuple's first item, or nil.
func (t tuple) first() any {
	if len(t) == 0 {
		return nil
	}
	return t[0]
}

// put sets a key. Keys are few or come once, so that no index is kept.
func (d *dict) put(key, value any) {
	d.keys, d.values = append(d.keys, key), append(d.values, value)
}

// get is the value of a key that is a string, the last one put.
func (d *dict) get(key string) (any, bool) {
	for i, k := range slices.Backward(d.keys) {
		if k == key {
			return d.values[i], true
		}
	}
	return nil, false
}

// dict is the value of a key that is a dictionary.
func (d *dict) dict(key string) (*dict, bool) {
	v, _ := d.get(key)
	below, ok := v.(*dict)
	return below, ok
}

// kindOf says a value's type in words for errors.
func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		return "a truth value"
	case int64, large:
		return "an integer"
	case float64:
		return "a float"
	case string:
		return "a string"
	case []byte:
		return "bytes"
	case *list:
		return "a list"
	case tuple:
		return "a tuple"
	case *dict:
		return "a dictionary"
	case name:
		return v.String()
	case opaque:
		return "a " + v.of.String()
	case *storage:
		return "a storage"
	case *view:
		return "a tensor"
	}
	return fmt.Sprintf("%T", v)
}

// inert are names whose calls make something that has no content here: NumPy's
// scalars and arrays and the logs and configs of MMEngine, MMCV and Python's argparse,
// which lie beside the weights in the checkpoints of their trainings.
func (n name) inert() bool {
	switch n.module {
	case "numpy.core.multiarray", "numpy._core.multiarray":
		return n.name == "scalar" || n.name == "_reconstruct"
	case "numpy":
		return n.name == "dtype" || n.name == "ndarray"
	case "_codecs":
		return n.name == "encode"
	case "argparse":
		return n.name == "Namespace"
	case "builtins", "__builtin__":
		return n.isGetattr()
	case "mmengine.logging.history_buffer":
		return n.name == "HistoryBuffer"
	case "mmengine.config.config", "mmcv.utils.config":
		return n.name == "ConfigDict"
	case "torch":
		return n.name == "device" || strings.HasSuffix(n.name, "Size")
	case "pathlib":
		return n.name == "PosixPath"
	}
	return false
}
