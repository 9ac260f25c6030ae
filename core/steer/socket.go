package steer

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"detnas/core/input"
	"detnas/core/run"
)

// Bounds on the control socket: of one message, which is above what a config takes
// in JSON, and of which a connection holds up to twice; of the wait for a whole
// message, or for the answer; and of the connections at once. So many commands
// take up to 128 MiB.
const (
	maxMessage    = 2 << 20
	socketPatient = 5 * time.Second
	maxCallers    = 32
)

// message is a line on the control socket, and reply the line that answers it.
type message struct {
	Do *Command `json:"do"`
}

type reply struct {
	Error string `json:"error,omitempty"`
}

// Socket is a run's control socket: other processes of the same user give their
// commands there.
type Socket struct {
	folder   *run.Folder
	listener net.Listener
	dir      *os.File
	wait     sync.WaitGroup
	slots    chan struct{}

	mu    sync.Mutex
	conns map[net.Conn]bool // nil once it is closed
}

// Listen opens the control socket of the desk's run, which this process has
// locked, with mode 0600. What a dead process left there is replaced.
func (d *Desk) Listen() (*Socket, error) {
	path := d.folder.Socket()
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("opening the control socket: %w", err)
	}
	dir, short, err := shorten(path)
	if err != nil {
		return nil, err
	}
	config := net.ListenConfig{Control: private}
	l, err := config.Listen(context.Background(), "unix", short)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the control socket: %w", err), dir.Close())
	}
	if l, ok := l.(*net.UnixListener); ok {
		l.SetUnlinkOnClose(false) // by its short name; Close does it
	}
	s := &Socket{folder: d.folder, listener: l, dir: dir, slots: make(chan struct{}, maxCallers), conns: map[net.Conn]bool{}}
	s.wait.Go(func() { s.accept(d) })
	return s, nil
}

// private gives a socket its mode before it has a name, so that nobody else ever
// reaches it.
func private(_, _ string, c syscall.RawConn) error {
	var failed error
	if err := c.Control(func(fd uintptr) { failed = unix.Fchmod(int(fd), 0o600) }); err != nil {
		return fmt.Errorf("opening the control socket: %w", err)
	}
	return failed
}

// shorten gives a path that fits into a socket's address, of which Linux takes
// 107 bytes, while dir is open.
func shorten(path string) (dir *os.File, short string, err error) {
	dir, err = os.Open(filepath.Dir(path))
	if err != nil {
		return nil, "", fmt.Errorf("reaching the control socket: %w", err)
	}
	return dir, fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path)), nil
}

func (s *Socket) accept(d *Desk) {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return // closed
		}
		select {
		case s.slots <- struct{}{}:
		default: // more callers than a run has people
			if conn.SetDeadline(time.Now().Add(time.Second)) == nil {
				_ = put(conn, fmt.Errorf("the run has %d callers already; try again", maxCallers))
			}
			_ = conn.Close()
			continue
		}
		if !s.keep(conn) {
			return
		}
		s.wait.Go(func() {
			defer func() { <-s.slots }()
			defer s.drop(conn)
			serve(conn, d)
		})
	}
}

// keep notes a connection; false when the socket was closed meanwhile.
func (s *Socket) keep(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns == nil {
		_ = conn.Close()
		return false
	}
	s.conns[conn] = true
	return true
}

func (s *Socket) drop(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
	_ = conn.Close()
}

// serve answers the messages of one connection until it ends or makes no sense.
func serve(conn net.Conn, d *Desk) {
	in := bufio.NewReader(conn)
	for {
		if conn.SetDeadline(time.Now().Add(socketPatient)) != nil {
			return
		}
		line, err := readLine(in)
		if errors.Is(err, input.ErrTooLarge) {
			_ = put(conn, err)
		}
		if err != nil {
			return
		}
		var m message
		if err := json.Unmarshal(line, &m); err != nil || m.Do == nil {
			_ = put(conn, errors.New("not a command"))
			return
		}
		if put(conn, d.do(*m.Do)) != nil {
			return
		}
	}
}

// put answers a message: with why it is refused, or with nothing.
func put(conn net.Conn, refused error) error {
	var answer reply
	if refused != nil {
		answer.Error = refused.Error()
	}
	text, err := json.Marshal(answer)
	if err == nil {
		_, err = conn.Write(append(text, '\n'))
	}
	return err //nolint:wrapcheck // ends the connection
}

// readLine reads a line of at most maxMessage bytes.
func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > maxMessage:
			return nil, fmt.Errorf("%w: a message of more than %d bytes", input.ErrTooLarge, maxMessage)
		case err == nil:
			return line, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, fmt.Errorf("reading a message: %w", err)
		}
	}
}

// Close ends the listening and removes the socket, unless it is another process's
// by now.
func (s *Socket) Close() error {
	err := s.listener.Close()
	s.mu.Lock()
	for conn := range s.conns {
		_ = conn.Close()
	}
	s.conns = nil
	s.mu.Unlock()
	s.wait.Wait()
	if s.folder.Ours() == nil {
		if rerr := os.Remove(s.folder.Socket()); rerr != nil && !errors.Is(rerr, os.ErrNotExist) {
			err = errors.Join(err, rerr)
		}
	}
	if err = errors.Join(err, s.dir.Close()); err != nil {
		return fmt.Errorf("closing the control socket: %w", err)
	}
	return nil
}

// errNoSocket says that nothing listens at a run's control socket.
var errNoSocket = errors.New("nothing listens at its control socket")

// errHangs says that the process that runs a run takes no notice of callers.
var errHangs = errors.New("is it stopped (T in ps), or starved of CPU or memory?")

func hangs(f *run.Folder) error {
	return fmt.Errorf("the %s, which runs it, does not answer within %s: %w", f.Owner(), socketPatient, errHangs)
}

// dial connects to the control socket of a run.
func dial(f *run.Folder) (net.Conn, error) {
	dir, short, err := shorten(f.Socket())
	if err != nil {
		return nil, err
	}
	conn, err := net.DialTimeout("unix", short, socketPatient)
	if errors.Is(err, syscall.EAGAIN) { // as many wait as may
		return nil, errors.Join(hangs(f), dir.Close())
	}
	if cerr := dir.Close(); err != nil || cerr != nil {
		return nil, fmt.Errorf("%w (%s)", errNoSocket, f.Socket())
	}
	return conn, nil
}

// ask gives a command to the process that runs the run in f.
func ask(f *run.Folder, c Command) error {
	conn, err := dial(f)
	if err != nil {
		return err
	}
	defer conn.Close()
	text, err := json.Marshal(message{Do: &c})
	if err == nil {
		err = conn.SetDeadline(time.Now().Add(socketPatient))
	}
	if err != nil {
		return fmt.Errorf("asking run %s: %w", f.Name(), err)
	}
	_, werr := conn.Write(append(text, '\n'))
	line, err := readLine(bufio.NewReader(conn)) // it may have said why it takes nothing
	switch failed := cmp.Or(werr, err); {
	case err == nil:
	case errors.Is(failed, os.ErrDeadlineExceeded):
		return fmt.Errorf("asking run %s: %w. What was asked for may still be done when it goes on: look at the run's status then", f.Name(), hangs(f))
	default:
		return fmt.Errorf("asking run %s: no answer: %w", f.Name(), failed)
	}
	return answered(f, line)
}

// answered is what an answer says. The other side may be any program.
func answered(f *run.Folder, line []byte) error {
	var r reply
	if err := json.Unmarshal(line, &r); err != nil {
		return fmt.Errorf("asking run %s: the answer makes no sense: %w", f.Name(), input.Plain(err))
	}
	if r.Error != "" {
		return input.Plain(errors.New(r.Error))
	}
	return nil
}

var _ io.Closer = (*Socket)(nil)
