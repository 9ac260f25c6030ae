package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
)

// parcel is something long that one rank leaves for others in the store, in parts.
type parcel struct {
	Parts  int    `json:"parts"`
	Digest string `json:"digest"` // of all of them
}

// partBytes is how many bytes a value of the store has at most, so that others are
// answered while it is on its way.
const partBytes = 4 << 20

// leave puts a text into the store, under a key for each part. Its error is the store's.
func (c *crew) leave(key func(part int) string, text []byte) (parcel, error) {
	sum := sha256.Sum256(text)
	p := parcel{Digest: hex.EncodeToString(sum[:])}
	for part := range slices.Chunk(text, partBytes) {
		if err := c.set(key(p.Parts), part); err != nil {
			return p, err
		}
		p.Parts++
	}
	return p, nil
}

// Errors of a parcel that cannot be had.
var (
	errNoParcel = errors.New("it is in the store no more")
	errDamaged  = errors.New("it is damaged")
)

// fetch gets a text from the store, where it stays. Its error is one of the above, or the
// store's.
func (c *crew) fetch(key func(part int) string, p parcel) (text []byte, err error) {
	for part := range p.Parts {
		value, ok, err := c.ask(key(part), c.patience)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, errNoParcel
		}
		text = append(text, value...)
	}
	if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != p.Digest {
		return nil, errDamaged
	}
	return text, nil
}

// drop takes a parcel away, which would lie there until the run ends.
func (c *crew) drop(key func(part int) string, p parcel) error {
	for part := range p.Parts {
		if err := c.store.Remove(key(part)); err != nil {
			return err
		}
	}
	return nil
}
