package local

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"time"
)

// Who waits for a store is told when it need not any more.
func TestAwait(t *testing.T) {
	name := fmt.Sprintf("awaits-%d", os.Getpid())
	if err := Await(t.Context(), name, 0); err == nil {
		t.Error("a store that nobody keeps is there")
	}
	told := errors.New("told to end")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(20*time.Millisecond, func() { cancel(told) })
	if err := Await(ctx, name, time.Minute); !errors.Is(err, told) {
		t.Errorf("error %v", err)
	}
	if err := Serve(name); err != nil {
		t.Fatal(err)
	}
	if err := Await(t.Context(), name, time.Minute); err != nil {
		t.Error(err)
	}
}

// What is no request ends the connection, and nobody else's.
func TestServeRefuses(t *testing.T) {
	name := fmt.Sprintf("refuses-%d", os.Getpid())
	if err := Serve(name); err != nil {
		t.Fatal(err)
	}
	request := func(op byte, key uint32, rest string) []byte {
		r := binary.LittleEndian.AppendUint32(nil, uint32(5+len(rest))) //nolint:gosec // short
		return append(binary.LittleEndian.AppendUint32(append(r, op), key), rest...)
	}
	for what, r := range map[string][]byte{
		"a length beyond bounds":  {0xff, 0xff, 0xff, 0xff},
		"nothing":                 {0, 0, 0, 0},
		"an unknown verb":         request('?', 1, "k"),
		"a key beyond the end":    request(opSet, 100, "k"),
		"a sum with what is none": request(opAdd, 1, "k123"),
	} {
		conn, err := net.Dial("unix", Address(name))
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(r); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if n, err := conn.Read(make([]byte, 8)); n > 0 || os.IsTimeout(err) {
			t.Errorf("%s is answered with %d bytes (%v)", what, n, err)
		}
		_ = conn.Close()
	}
	if err := Set(name, "k", "v"); err != nil {
		t.Error(err)
	}
	if err := Set(name+"-other", "k", "v"); err == nil {
		t.Error("a store that nobody serves takes a value")
	}
}
