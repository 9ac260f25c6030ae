package serve

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	mostAddresses = 4096        // that the door remembers
	sayEvery      = time.Minute // how often it says that it refuses an address
)

// door decides which connections may try to log in. Addresses are counted, not
// keys: a client may offer several keys and is one attempt.
type door struct {
	limits Limits
	now    func() time.Time

	mu        sync.Mutex
	open      int // connections, logged in or not
	waiting   int // those that have not logged in
	watching  int // those of keys that watch
	addresses map[netip.Prefix]*address
}

// address is what the door knows of an address.
type address struct {
	waiting int       // connections that have not logged in
	failed  int       // connections since then that ended without a login
	since   time.Time // of the first of them
	until   time.Time // it is refused
	said    time.Time // that it was refused
	held    int       // refusals since that were not said
}

func newDoor(l Limits, now func() time.Time) *door {
	return &door{limits: l, now: now, addresses: map[netip.Prefix]*address{}}
}

// addressOf is the address of a connection without its port; of IPv6 the network
// of 64 bits that one host has, and of this machine itself its own address.
func addressOf(a net.Addr) netip.Prefix {
	at, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Prefix{} // no IP: all of them are one
	}
	ip := at.Addr().Unmap().WithZone("")
	bits := 64
	if ip.Is4() || ip.IsLoopback() {
		bits = ip.BitLen()
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// refusal is why a connection is refused at the door.
type refusal struct {
	why  string
	held int  // refusals of the address before this one that were not said
	say  bool // it has not been said for a while
}

// enter lets a connection in to log in, or says why not.
func (d *door) enter(from netip.Prefix) *refusal {
	d.mu.Lock()
	defer d.mu.Unlock()
	a := d.know(from)
	var why string
	switch now := d.now(); {
	case now.Before(a.until):
		why = fmt.Sprintf("%d connections of %s ended without a login; it may try again in %s", a.failed, from, a.until.Sub(now).Round(time.Second))
	case d.open >= d.limits.Sessions+d.limits.Logins:
		why = fmt.Sprintf("%d connections are open", d.open)
	case d.waiting >= d.limits.Logins:
		why = fmt.Sprintf("%d connections have not logged in yet", d.waiting)
	case a.waiting >= (d.limits.Logins+1)/2: // nobody keeps all others out
		why = fmt.Sprintf("%d connections of %s have not logged in yet", a.waiting, from)
	default:
		d.open++
		d.waiting++
		a.waiting++
		return nil
	}
	r := &refusal{why: why, held: a.held}
	if r.say = d.now().Sub(a.said) >= sayEvery; r.say {
		a.said, a.held = d.now(), 0
	} else {
		a.held++
	}
	return r
}

// pass says that a connection has logged in. It reports whether there is room for
// it: those who watch leave some to those who steer.
func (d *door) pass(from netip.Prefix, role Role) (room bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting--
	d.know(from).waiting--
	if role != Watch {
		return true
	}
	d.watching++
	return d.watching <= d.limits.watchers()+d.limits.Logins/2
}

// leave says that a connection has ended, with the role that it had logged in
// with; 0 where it had not. That counts against its address; leave reports whether
// that is refused from now on. This machine's own addresses never are: through a
// tunnel or a proxy everybody comes from them.
func (d *door) leave(from netip.Prefix, role Role) (banned bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open--
	switch role {
	case Watch:
		d.watching--
		return false
	case Steer:
		return false
	}
	d.waiting--
	a := d.know(from)
	a.waiting--
	if from.Addr().IsLoopback() {
		return false
	}
	now := d.now()
	if now.Sub(a.since) >= d.limits.Ban {
		a.failed, a.since = 0, now
	}
	a.failed++
	if a.failed < d.limits.Failures || now.Before(a.until) {
		return false
	}
	a.until = now.Add(d.limits.Ban)
	return true
}

// know is what is known of an address. Where that is too much, what is known of
// the one that failed longest ago is forgotten.
func (d *door) know(from netip.Prefix) *address {
	if a := d.addresses[from]; a != nil {
		return a
	}
	if len(d.addresses) >= mostAddresses {
		var oldest netip.Prefix
		var old *address
		for p, a := range d.addresses {
			if a.waiting == 0 && (old == nil || a.since.Before(old.since)) {
				oldest, old = p, a
			}
		}
		delete(d.addresses, oldest)
	}
	a := &address{}
	d.addresses[from] = a
	return a
}
