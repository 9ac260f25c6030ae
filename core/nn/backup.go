package nn

import (
	"fmt"

	"detnas/core/tensor"
)

// Backup keeps copies of a store's buffers, BN's statistics, so that what a
// forward pass did to them can be undone.
type Backup struct {
	buffers, copies []*tensor.Tensor
}

// NewBackup copies a store's buffers; the caller frees the copies.
func NewBackup(st *Store) (*Backup, error) {
	b := &Backup{}
	s := tensor.NewScope()
	defer s.Close()
	for _, buffer := range st.Buffers {
		b.buffers, b.copies = append(b.buffers, buffer.T), append(b.copies, s.Clone(buffer.T))
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("copy BN's statistics: %w", err)
	}
	for _, c := range b.copies {
		s.Keep(c)
	}
	return b, nil
}

// Take copies the buffers as they are now.
func (b *Backup) Take() error { return tensor.Copy(b.copies, b.buffers) }

// Restore puts the buffers back as they were when they were copied last.
func (b *Backup) Restore() error { return tensor.Copy(b.buffers, b.copies) }

// Free frees the copies.
func (b *Backup) Free() {
	for _, c := range b.copies {
		c.Free()
	}
}
