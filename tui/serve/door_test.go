package serve

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// clock is a clock that stands still until it is moved.
type clock struct{ at time.Time }

func newClock() *clock { return &clock{at: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

func (c *clock) now() time.Time { return c.at }

func testDoor() (*door, *clock) {
	l, c := Defaults(), newClock()
	l.Sessions, l.Logins, l.Failures, l.Ban = 2, 4, 3, time.Minute
	return newDoor(l, c.now), c
}

func host(n int) netip.Prefix { return netip.MustParsePrefix(fmt.Sprintf("10.0.0.%d/32", n)) }

func TestAddressesWithoutALoginAreRefusedForAWhile(t *testing.T) {
	d, c := testDoor()
	for i := range 3 {
		if no := d.enter(host(1)); no != nil {
			t.Fatalf("connection %d: %s", i, no.why)
		}
		if banned := d.leave(host(1), 0); banned != (i == 2) {
			t.Errorf("after connection %d: banned is %v", i, banned)
		}
	}
	no := d.enter(host(1))
	if no == nil || !no.say || !strings.Contains(no.why, "10.0.0.1/32") || !strings.Contains(no.why, "1m0s") {
		t.Fatalf("refused: %+v", no)
	}
	if no := d.enter(host(1)); no == nil || no.say {
		t.Errorf("the second refusal is said: %+v", no)
	}
	if no := d.enter(host(2)); no != nil {
		t.Errorf("another address: %s", no.why)
	}
	c.at = c.at.Add(time.Minute)
	if no := d.enter(host(1)); no != nil {
		t.Errorf("after the ban: %s", no.why)
	}
	if d.leave(host(1), 0) {
		t.Error("what was before the ban counts again")
	}
}

func TestFailuresThatLieApartDoNotCount(t *testing.T) {
	d, c := testDoor()
	for i := range 10 {
		if no := d.enter(host(1)); no != nil {
			t.Fatalf("connection %d: %s", i, no.why)
		}
		d.leave(host(1), 0)
		c.at = c.at.Add(31 * time.Second) // two in a minute
	}
}

func TestLoginsAreNoFailures(t *testing.T) {
	d, _ := testDoor()
	for i := range 10 {
		if no := d.enter(host(1)); no != nil {
			t.Fatalf("connection %d: %s", i, no.why)
		}
		d.pass(host(1), Steer)
		d.leave(host(1), Steer)
	}
	if d.open != 0 || d.waiting != 0 {
		t.Errorf("%d open, %d waiting", d.open, d.waiting)
	}
}

func TestTheDoorIsBounded(t *testing.T) {
	d, _ := testDoor()
	for range 2 {
		if no := d.enter(host(1)); no != nil {
			t.Fatal(no.why)
		}
	}
	if no := d.enter(host(1)); no == nil || !strings.Contains(no.why, "of 10.0.0.1/32 have not logged in") {
		t.Errorf("a third of one address: %+v", no)
	}
	for i := range 2 {
		if no := d.enter(host(2 + i)); no != nil {
			t.Fatal(no.why)
		}
	}
	if no := d.enter(host(9)); no == nil || !strings.Contains(no.why, "4 connections have not logged in") {
		t.Errorf("a fifth that has not logged in: %+v", no)
	}
	d.pass(host(2), Steer)
	d.pass(host(3), Steer)
	for i := range 2 {
		if no := d.enter(host(4 + i)); no != nil {
			t.Fatal(no.why)
		}
	}
	if no := d.enter(host(9)); no == nil || !strings.Contains(no.why, "6 connections are open") {
		t.Errorf("a seventh connection: %+v", no)
	}
}

// TestThisMachineIsNeverRefused wants no ban on addresses that everybody has who
// comes through a tunnel; that connections there are bounded stays.
func TestThisMachineIsNeverRefused(t *testing.T) {
	for _, at := range []string{"127.0.0.1:9", "127.8.9.1:9", "[::1]:9", "[::ffff:127.0.0.1]:9"} {
		d, _ := testDoor()
		addr, err := net.ResolveTCPAddr("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		from := addressOf(addr)
		for i := range 10 {
			if no := d.enter(from); no != nil {
				t.Fatalf("%s: connection %d: %s", at, i, no.why)
			}
			if d.leave(from, 0) {
				t.Errorf("%s is refused after connection %d", at, i)
			}
		}
		for range 2 {
			d.enter(from)
		}
		if no := d.enter(from); no == nil || !strings.Contains(no.why, "have not logged in") {
			t.Errorf("%s: a third connection that has not logged in: %+v", at, no)
		}
	}
}

// TestWatchersLeaveRoomAtTheDoor wants connections of keys that watch, and open no
// session, to keep nobody out who steers.
func TestWatchersLeaveRoomAtTheDoor(t *testing.T) {
	d, _ := testDoor() // 2 sessions, one of them for who steers, and 4 logins
	for i := range 5 {
		if no := d.enter(host(1)); no != nil {
			t.Fatalf("connection %d: %s", i, no.why)
		}
		room := d.pass(host(1), Watch)
		if room != (i < 3) {
			t.Errorf("connection %d that watches has room: %v", i, room)
		}
		if !room {
			d.leave(host(1), Watch)
		}
	}
	for i := range 3 {
		if no := d.enter(host(2)); no != nil {
			t.Fatal(no.why)
		}
		if !d.pass(host(2), Steer) {
			t.Errorf("connection %d that steers has no room", i)
		}
	}
}

func TestTheDoorForgets(t *testing.T) {
	d, c := testDoor()
	for i := range mostAddresses + 100 {
		at := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32)
		if no := d.enter(at); no != nil {
			t.Fatal(no.why)
		}
		d.leave(at, 0)
		c.at = c.at.Add(time.Millisecond)
	}
	if len(d.addresses) > mostAddresses {
		t.Errorf("%d addresses are kept", len(d.addresses))
	}
}

func TestAddressOf(t *testing.T) {
	for from, want := range map[string]string{
		"10.0.0.7:4000": "10.0.0.7/32", "[2001:db8:1:2:3:4:5:6]:22": "2001:db8:1:2::/64", "[::ffff:10.0.0.7]:9": "10.0.0.7/32", "[::1]:9": "::1/128", "127.0.0.1:9": "127.0.0.1/32",
	} {
		addr, err := net.ResolveTCPAddr("tcp", from)
		if err != nil {
			t.Fatal(err)
		}
		if got := addressOf(addr).String(); got != want {
			t.Errorf("%s is %s, want %s", from, got, want)
		}
	}
	if got := addressOf(&net.UnixAddr{Name: "x", Net: "unix"}); got.IsValid() {
		t.Errorf("a socket is %s", got)
	}
}
