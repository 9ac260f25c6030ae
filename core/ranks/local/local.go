// Package local is the store of keys at which the ranks of one machine meet: what
// PyTorch's TCPStore is between machines, but at a Unix socket, so that no port is
// open. The socket has a name and no file (unix(7), "abstract"): nothing is left of it
// however its process ends, and the kernel says who is at the other end, of whom only
// processes of the same user are heard. The client that the ranks use is the C++ one of
// core/native, since Gloo needs it there.
//
// A request is its length (4 bytes, all numbers are little-endian) and as many bytes:
// what is to be done, the length of the key (4 bytes), the key, and the value. The
// answer is its length, one byte that is 1 where the key was there, and a value.
package local

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// What a request asks for.
const (
	opSet    = 's' // give the key the value
	opGet    = 'g' // the key's value, if it is there
	opHas    = 'h' // whether the key is there
	opAdd    = 'a' // add the value, 8 bytes, to the key's number, and answer with the sum
	opDelete = 'd' // forget the key
	opCount  = 'n' // how many keys there are, 8 bytes
)

// most bounds a request; what was found in a race, some 6 KB an image, is the longest that
// ranks tell each other.
const most = 64 << 20

// Address is the socket of a store, whose name is a user's own.
func Address(name string) string {
	return "@detnas/" + strconv.Itoa(os.Geteuid()) + "/" + name
}

// store is what a process keeps for all.
type store struct {
	mu     sync.Mutex
	values map[string][]byte
}

// Serve keeps the store of that name for as long as the process lives. The error says
// where another process has it already.
func Serve(name string) error {
	l, err := net.Listen("unix", Address(name))
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("another process keeps the store %s on this machine; end that run, or give this one another MASTER_PORT", name)
	}
	if err != nil {
		return fmt.Errorf("opening the store %s: %w", name, err)
	}
	s := &store{values: map[string][]byte{}}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil { // no more files may be open, for now
				time.Sleep(100 * time.Millisecond)
				continue
			}
			go s.serve(conn)
		}
	}()
	return nil
}

// serve answers one process until it ends.
func (s *store) serve(conn net.Conn) {
	defer conn.Close()
	if ours(conn) != nil {
		return
	}
	var length [4]byte
	for {
		if _, err := io.ReadFull(conn, length[:]); err != nil {
			return
		}
		n := binary.LittleEndian.Uint32(length[:])
		if n > most {
			return
		}
		request := make([]byte, n)
		if _, err := io.ReadFull(conn, request); err != nil {
			return
		}
		there, value, err := s.do(request)
		if err != nil {
			return
		}
		answer := binary.LittleEndian.AppendUint32(nil, uint32(1+len(value))) //nolint:gosec // below most
		answer = append(append(answer, there), value...)
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}

// errRequest is the error of a request that is none.
var errRequest = errors.New("not a request")

// do does what a request asks for.
func (s *store) do(request []byte) (there byte, value []byte, err error) {
	if len(request) < 5 {
		return 0, nil, errRequest
	}
	op, rest := request[0], request[5:]
	n := binary.LittleEndian.Uint32(request[1:])
	if uint64(n) > uint64(len(rest)) {
		return 0, nil, errRequest
	}
	key, given := string(rest[:n]), rest[n:]
	s.mu.Lock()
	defer s.mu.Unlock()
	old, ok := s.values[key]
	if ok {
		there = 1
	}
	switch op {
	case opSet:
		s.values[key] = given
	case opGet:
		value = old
	case opHas:
	case opAdd:
		if len(given) != 8 {
			return 0, nil, errRequest
		}
		now, _ := strconv.ParseInt(string(old), 10, 64) // as c10d's stores have it; what is no number counts as 0
		now += int64(binary.LittleEndian.Uint64(given)) //nolint:gosec // two's complement
		s.values[key] = strconv.AppendInt(nil, now, 10)
		value = binary.LittleEndian.AppendUint64(nil, uint64(now)) //nolint:gosec // two's complement
	case opDelete:
		delete(s.values, key)
	case opCount:
		value = binary.LittleEndian.AppendUint64(nil, uint64(len(s.values)))
	default:
		return 0, nil, errRequest
	}
	return there, value, nil
}

// ours refuses the other end of a socket where it is another user's.
func ours(conn net.Conn) error {
	u, ok := conn.(*net.UnixConn)
	if !ok {
		return errors.New("no Unix socket")
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return err //nolint:wrapcheck // the caller says of what
	}
	var cred *unix.Ucred
	var failed error
	if err := raw.Control(func(fd uintptr) { cred, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil {
		return err //nolint:wrapcheck // the caller says of what
	}
	if failed == nil && int(cred.Uid) != os.Geteuid() {
		failed = fmt.Errorf("it is user %d's", cred.Uid)
	}
	return failed
}

// How often Await looks, from the first time to the last.
const (
	lookFirst = time.Millisecond
	lookLast  = 50 * time.Millisecond
)

// Await waits until a process keeps the store of that name, for so long. Where ctx ends
// before, its cause is the error.
func Await(ctx context.Context, name string, patience time.Duration) error {
	began := time.Now()
	for pause := lookFirst; ; pause = min(2*pause, lookLast) {
		if conn, err := net.DialTimeout("unix", Address(name), setPatience); err == nil {
			_ = conn.Close()
			return nil
		}
		if time.Since(began) > patience {
			return fmt.Errorf("no process of this machine keeps it, after %v", patience)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx) //nolint:wrapcheck // the caller says of what
		case <-time.After(pause):
		}
	}
}

// setPatience is how long Set waits for the store.
const setPatience = 2 * time.Second

// Set gives a key of the store of that name a value, from a process that is no rank.
func Set(name, key, value string) error {
	conn, err := net.DialTimeout("unix", Address(name), setPatience)
	if err != nil {
		return fmt.Errorf("reaching the store %s: %w", name, err)
	}
	defer conn.Close()
	if err := ours(conn); err != nil {
		return fmt.Errorf("reaching the store %s: %w", name, err)
	}
	request := binary.LittleEndian.AppendUint32(nil, uint32(5+len(key)+len(value)))      //nolint:gosec // short
	request = binary.LittleEndian.AppendUint32(append(request, opSet), uint32(len(key))) //nolint:gosec // short
	request = append(append(request, key...), value...)
	var answer [5]byte
	if err = conn.SetDeadline(time.Now().Add(setPatience)); err == nil {
		if _, err = conn.Write(request); err == nil {
			_, err = io.ReadFull(conn, answer[:])
		}
	}
	if err != nil {
		return fmt.Errorf("telling the store %s: %w", name, err)
	}
	return nil
}
