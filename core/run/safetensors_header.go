package run

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"detnas/core/input"
)

// decodeHeader reads the header and returns its length too. Each entry is checked
// as it comes, so that many that make no sense take no memory.
func decodeHeader(r io.Reader, size int64) (map[string]string, map[string]tensorInfo, int64, error) {
	var length uint64
	if err := binary.Read(r, binary.LittleEndian, &length); err != nil {
		return nil, nil, 0, fmt.Errorf("reading the length of the header: %w", err)
	}
	if length > maxHeader || int64(length) > size-8 { //nolint:gosec // maxHeader fits
		return nil, nil, 0, fmt.Errorf("a header of %d bytes does not fit into the file's %d; this is no safetensors file, or a torn one", length, size)
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, nil, 0, fmt.Errorf("reading the header: %w", err)
	}
	h := header{dec: json.NewDecoder(bytes.NewReader(text)), meta: map[string]string{}, infos: map[string]tensorInfo{}}
	if err := h.read(); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("its JSON ends in the middle")
		}
		return nil, nil, 0, fmt.Errorf("reading the header: %w", input.Plain(err))
	}
	return h.meta, h.infos, int64(length), nil //nolint:gosec // checked above
}

// header is a header that is being read.
type header struct {
	dec   *json.Decoder
	meta  map[string]string
	infos map[string]tensorInfo
	told  bool // the metadata were there
}

func (h *header) read() error {
	if err := h.object(h.entry); err != nil {
		return err
	}
	if _, err := h.dec.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("byte %d: there is more after its end", h.dec.InputOffset())
	}
	return nil
}

// object reads an object, of which value reads the value of each key.
func (h *header) object(value func(key string) error) error {
	if token, err := h.dec.Token(); err != nil || token != json.Delim('{') {
		return cmp.Or(err, errors.New("it is no object"))
	}
	for h.dec.More() {
		token, err := h.dec.Token()
		if err != nil {
			return err //nolint:wrapcheck // wrapped by decodeHeader
		}
		key, _ := token.(string) // the decoder lets nothing else be a key
		if err := value(key); err != nil {
			return err
		}
	}
	_, err := h.dec.Token()
	return err //nolint:wrapcheck // as above
}

// entry reads the value of a key: the metadata, or a tensor's place.
func (h *header) entry(name string) error {
	if name == metadataKey {
		if h.told {
			return errors.New("its metadata are there twice")
		}
		h.told = true
		return h.metadata()
	}
	if _, twice := h.infos[name]; twice {
		return fmt.Errorf("tensor %s is there twice", input.Line(name))
	}
	var e struct {
		DType   DType   `json:"dtype"`
		Shape   []int64 `json:"shape"`
		Offsets []int64 `json:"data_offsets"`
	}
	if err := h.dec.Decode(&e); err != nil {
		return fmt.Errorf("tensor %s: %w", input.Line(name), err)
	}
	if _, err := byteSize(e.DType, e.Shape); err != nil {
		return fmt.Errorf("tensor %s: %w", input.Line(name), err)
	}
	if e.Shape == nil || len(e.Offsets) != 2 {
		return fmt.Errorf("tensor %s: it has no shape, or no two data_offsets", input.Line(name))
	}
	h.infos[name] = tensorInfo{DType: e.DType, Shape: e.Shape, Offsets: [2]int64(e.Offsets)}
	return nil
}

func (h *header) metadata() error {
	err := h.object(func(key string) error {
		if len(h.meta) == maxMeta {
			return fmt.Errorf("it has more than %d metadata", maxMeta)
		}
		token, err := h.dec.Token()
		value, ok := token.(string)
		if err != nil || !ok {
			return cmp.Or(err, fmt.Errorf("%.40q is not one of strings", key))
		}
		h.meta[key] = value
		return nil
	})
	if err != nil {
		return fmt.Errorf("its metadata are not strings: %w", err)
	}
	return nil
}

// covers wants the tensors to fill size bytes without overlap or gap.
func covers(infos map[string]tensorInfo, size int64) error {
	names := slices.SortedFunc(maps.Keys(infos), func(a, b string) int {
		x, y := infos[a].Offsets, infos[b].Offsets
		return cmp.Or(cmp.Compare(x[0], y[0]), cmp.Compare(x[1], y[1]), strings.Compare(a, b))
	})
	var end int64
	for _, name := range names {
		info := infos[name]
		want, err := byteSize(info.DType, info.Shape)
		if err != nil {
			return fmt.Errorf("tensor %s: %w", input.Line(name), err)
		}
		if info.Offsets[0] != end || info.Offsets[1] < end || info.Offsets[1]-end != want {
			return fmt.Errorf("tensor %s: its data are at %v; %s %v takes the %d bytes from %d on",
				input.Line(name), info.Offsets, info.DType, info.Shape, want, end)
		}
		end = info.Offsets[1]
		if end > size {
			return fmt.Errorf("tensor %s: its data end at byte %d of %d; the file is torn", input.Line(name), end, size)
		}
	}
	if end != size {
		return fmt.Errorf("%d bytes after the last tensor belong to none", size-end)
	}
	return nil
}
