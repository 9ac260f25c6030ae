package pth

import (
	"archive/zip"
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"detnas/core/input"
)

// zipped is a file in the format of PyTorch 1.6 on: a zip archive of a folder with
// data.pkl and an entry data/KEY for each storage, none of them compressed.
type zipped struct {
	value    any
	folder   string
	size     uint64 // of the file
	entries  map[string]*zip.File
	storages map[string]*storage
}

// maxEntries bounds the entries of an archive.
const maxEntries = 1 << 18

func openZip(in io.ReaderAt, size int64) (*zipped, error) {
	archive, err := zip.NewReader(in, size)
	if err != nil {
		return nil, fmt.Errorf("its zip archive is damaged or cut off: %w", input.Plain(err))
	}
	if len(archive.File) > maxEntries {
		return nil, fmt.Errorf("%w: %d entries in its zip archive", input.ErrTooLarge, len(archive.File))
	}
	z := &zipped{size: uint64(size), entries: map[string]*zip.File{}, storages: map[string]*storage{}} //nolint:gosec // of a file
	for _, f := range archive.File {
		z.entries[f.Name] = f
		if folder, ok := strings.CutSuffix(f.Name, "data.pkl"); ok && strings.Count(f.Name, "/") <= 1 {
			z.folder = folder
		}
	}
	pickle := z.entries[z.folder+"data.pkl"]
	switch {
	case pickle == nil:
		return nil, errors.New("it is a zip archive without data.pkl, and no checkpoint of PyTorch")
	case z.entries[z.folder+"constants.pkl"] != nil:
		return nil, errors.New("it is a TorchScript program, which would have to be run; in Python, save its weights with torch.save(torch.jit.load(PATH).state_dict(), NEW)")
	}
	if err := z.order(); err != nil {
		return nil, err
	}
	r, err := z.open(pickle)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	z.value, err = unpickle(bufio.NewReader(r), z.storage)
	return z, err
}

// order refuses numbers whose bytes are the other way round.
func (z *zipped) order() error {
	f := z.entries[z.folder+"byteorder"]
	if f == nil {
		return nil
	}
	r, err := z.open(f)
	if err != nil {
		return err
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, 16))
	if err == nil && string(text) != "little" {
		err = fmt.Errorf("its numbers are %s-endian; little-endian ones are read", input.Line(string(text)))
	}
	return err
}

func (z *zipped) open(f *zip.File) (io.ReadCloser, error) {
	if f.Method != zip.Store {
		return nil, fmt.Errorf("its entry %s is compressed, which PyTorch does not do", input.Line(f.Name))
	}
	if f.CompressedSize64 != f.UncompressedSize64 || f.UncompressedSize64 > z.size {
		return nil, fmt.Errorf("its entry %s says that it has %d bytes, and %d of them stored: the file is damaged", input.Line(f.Name), f.UncompressedSize64, f.CompressedSize64)
	}
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("its entry %s: %w", input.Line(f.Name), input.Plain(err))
	}
	return r, nil
}

// storage is that of ('storage', type, key, device, elements).
func (z *zipped) storage(id any) (any, error) {
	s, err := described(id)
	if err != nil {
		return nil, err
	}
	if was, ok := z.storages[s.key]; ok {
		if was.kind != s.kind || was.count != s.count {
			return nil, fmt.Errorf("storage %s has two types or sizes", input.Line(s.key))
		}
		return was, nil
	}
	f := z.entries[z.folder+"data/"+s.key]
	if f == nil {
		return nil, fmt.Errorf("storage %s is not in the archive", input.Line(s.key))
	}
	if want := s.count * s.kind.size(); f.UncompressedSize64 != uint64(want) { //nolint:gosec // not negative
		return nil, fmt.Errorf("storage %s has %d bytes, and its %d elements of %s take %d: the file is damaged",
			input.Line(s.key), f.UncompressedSize64, s.count, s.kind.storage(), want)
	}
	z.storages[s.key] = s
	return s, nil
}

// described reads what a pickle says of a storage.
func described(id any) (*storage, error) {
	t, ok := id.(tuple)
	if !ok || len(t) < 5 || t[0] != "storage" {
		return nil, fmt.Errorf("it takes up %s that is no storage", kindOf(id))
	}
	n, okN := t[1].(name)
	key, okK := t[2].(string)
	count, okC := t[4].(int64)
	if !okN || !okK || !okC {
		return nil, errors.New("a storage is not described by type, key and size")
	}
	k, is := storageKind(n)
	if !is {
		return nil, fmt.Errorf("a storage of %s is none that is read", n)
	}
	if count < 0 || count > maxElements {
		return nil, fmt.Errorf("a storage of %d elements", count)
	}
	return &storage{key: key, kind: k, count: count}, nil
}

func (z *zipped) root() any { return z.value }

func (z *zipped) bytes(s *storage) ([]byte, error) {
	f := z.entries[z.folder+"data/"+s.key]
	r, err := z.open(f)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	bytes := make([]byte, f.UncompressedSize64) // as large as the entry: it is stored
	if _, err := io.ReadFull(r, bytes); err != nil {
		return nil, fmt.Errorf("its storage %s: %w", input.Line(s.key), input.Plain(err))
	}
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, io.EOF) { // its checksum is looked at there
		return nil, fmt.Errorf("its storage %s: %w", input.Line(s.key), input.Plain(err))
	}
	return bytes, nil
}
