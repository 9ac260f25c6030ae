package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"detnas/core/ranks"
)

// errRefused is the error of a rank whose rank 0 has ended before it began anything. What
// is wrong rank 0 says itself.
var errRefused = errors.New("rank 0 has refused the run, and says why")

// declineFor is how long rank 0 waits for the others to hear that it has begun nothing:
// they may be on their way, and nobody but a starter such as torchrun keeps the store when
// it has ended.
const declineFor = 30 * time.Second

// Decline is rank 0's part of a run that it does not begin, since it was refused or has
// finished: it meets the others where they wait for it, and tells them to end. A rank that
// has not come within half a minute, or patience where that is shorter, is not told.
func Decline(ctx context.Context, place ranks.Place, version string, patience time.Duration, refused bool) error {
	if patience <= 0 || patience > declineFor {
		patience = declineFor
	}
	c, err := join(ctx, place, version, patience)
	if err != nil {
		return fmt.Errorf("the other ranks are not told: %w", err)
	}
	if err := c.put(order{Do: doEnd, Refused: refused}); err != nil {
		return err
	}
	if !c.parted(ctx, place.World-1, patience) {
		return fmt.Errorf("not all of the %d other ranks have come within %v to be told of the end; those that come later wait as long as their --rank-timeout", place.World-1, patience)
	}
	return nil
}
