package engine

import (
	"context"
	"fmt"
	"net"
	"time"

	"detnas/core/ranks"
	"detnas/core/ranks/local"
	"detnas/core/tensor"
)

// openStore comes to the store at which the ranks meet, which rank 0 keeps unless
// another does. On one machine it is a socket that only this user reaches. c10d has a
// FileStore for that, too, which was measured and left: its file grows by 28 bytes with
// each sign of life, without end (7 MB a day for three ranks that count and are asked),
// whoever comes late reads all of it (50 ms for 0.6 MB), the end of rank 0 does not show
// in it, and after a kill it stays behind.
func openStore(ctx context.Context, place ranks.Place, patience time.Duration) (*tensor.Store, error) {
	if place.Store != "" {
		cannotMeet := func(err error) error {
			return fmt.Errorf("the ranks cannot meet at %s: %w; see that rank 0 has started", place.At(), err)
		}
		if place.Rank == 0 {
			if err := local.Serve(place.Store); err != nil {
				return nil, err
			}
		} else if err := local.Await(ctx, place.Store, patience); ctx.Err() != nil { // rank 0 may have ended before
			return nil, fmt.Errorf("%w (%w) before rank 0 was at %s", ErrStopped, context.Cause(ctx), place.At())
		} else if err != nil {
			return nil, cannotMeet(err)
		}
		store, err := tensor.OpenLocalStore(place.Store, place.Prefix(), patience)
		if err != nil {
			return nil, cannotMeet(err)
		}
		return store, nil
	}
	store, err := tensor.OpenStore(place.Addr, place.Port, place.Opens(), place.Prefix(), patience)
	if err != nil {
		return nil, fmt.Errorf("the ranks cannot meet at %s: %w; see that MASTER_ADDR and MASTER_PORT are the same everywhere, that the port is free and that rank 0 has started", place.At(), err)
	}
	return store, nil
}

// ownAddress is the one of this machine's addresses from which rank 0's is reached, at
// which the others then reach this process, and where alone it listens.
func ownAddress(place ranks.Place) string {
	const itself = "127.0.0.1"
	if place.Store != "" {
		return itself
	}
	conn, err := net.Dial("udp", place.At()) // sends nothing
	if err != nil {
		return itself
	}
	defer conn.Close()
	host, _, err := net.SplitHostPort(conn.LocalAddr().String())
	if err != nil {
		return itself
	}
	return host
}

// opened says which port this process has open, and to whom.
func opened(place ranks.Place) string {
	return fmt.Sprintf("port %d is open on all addresses of this machine while the ranks train: PyTorch's store asks nobody who they are, and whoever reaches it can end or spoil the run; close it to all but the ranks' machines", place.Port)
}
