package train

import (
	"errors"

	"detnas/core/nn"
)

// undo leaves out iterations that are not finite. Those have moved no weight and
// no momentum, since losses and gradients are looked at before the optimiser
// moves any, but BN's running statistics.
type undo struct {
	store  *nn.Store
	backup *nn.Backup // nil before the first iteration that may be left out
}

// around makes an iteration and, where it is not finite, puts the network back as
// it was before and notes why.
func (u *undo) around(it *Iteration, iterate func() error) error {
	if err := u.take(); err != nil {
		return err
	}
	err := iterate()
	if !errors.Is(err, ErrNotFinite) {
		return err
	}
	if rerr := u.backup.Restore(); rerr != nil {
		return errors.Join(err, rerr)
	}
	it.Losses, it.Skipped = nil, err
	return nil
}

func (u *undo) take() (err error) {
	if u.backup != nil {
		return u.backup.Take()
	}
	u.backup, err = nn.NewBackup(u.store)
	return err
}

func (u *undo) free() {
	if u.backup != nil {
		u.backup.Free()
	}
}
