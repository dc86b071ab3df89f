package virtualredis

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The layout of what a server and this program share, struct shared of
// preload/clock.c, in bytes.
const (
	atHot, atSleeps, atPuts, atChannels = 8, 12, 16, 64
	pipeSize                            = 1 << 14
	pipeLength                          = 64 + pipeSize
	atJoined, atPipes                   = 4, 64
	channelLength                       = atPipes + 2*pipeLength
	channels                            = 4096
	memoryLength                        = atChannels + channels*channelLength
)

// memory is a file that a server has mapped too: its clock, and the pipes of its
// connections.
type memory struct {
	mapped []byte
	next   atomic.Int32 // channel that no connection had yet
	users  int          // under hotness
}

// hot is the memory of the server that the last command was for: it keeps its
// processor a while for the next one. hotness guards its changes, and mappings.
var (
	hot     atomic.Pointer[memory]
	hotness sync.Mutex
)

func newMemory(path string, now int64) (*memory, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("file of the virtual clock: %w", err)
	}
	defer f.Close() // the mapping stays, and what was written is in memory
	if err := f.Truncate(memoryLength); err != nil {
		return nil, fmt.Errorf("file of the virtual clock: %w", err)
	}
	mapped, err := unix.Mmap(int(f.Fd()), 0, memoryLength, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mapping the virtual clock: %w", err)
	}
	m := &memory{mapped: mapped, users: 1}
	m.set(now)
	return m, nil
}

func (m *memory) set(now int64) {
	atomic.StoreInt64((*int64)(unsafe.Pointer(&m.mapped[0])), now)
}

func (m *memory) word(at int) *atomic.Uint32 {
	return (*atomic.Uint32)(unsafe.Pointer(&m.mapped[at]))
}

// use keeps the memory until another close.
func (m *memory) use() {
	hotness.Lock()
	defer hotness.Unlock()
	m.users++
}

// close unmaps the memory when nobody uses it any more.
func (m *memory) close() error {
	hotness.Lock()
	defer hotness.Unlock()
	if m.users--; m.users > 0 {
		return nil
	}
	hot.CompareAndSwap(m, nil)
	return unix.Munmap(m.mapped)
}

// mayWait reports whether a processor is there to wait on while another works.
var mayWait = runtime.NumCPU() > 1

// heat has the server wait for commands, and no other.
func (m *memory) heat() {
	if !mayWait || hot.Load() == m {
		return
	}
	hotness.Lock()
	defer hotness.Unlock()
	if old := hot.Swap(m); old != nil {
		old.word(atHot).Store(0)
	}
	m.word(atHot).Store(1)
}

// pipe holds bytes on their way. One side puts them, the other takes them.
type pipe struct {
	head, tail *atomic.Uint32 // bytes that were ever put, and taken
	data       []byte
}

func (m *memory) pipe(at int) pipe {
	return pipe{m.word(at), m.word(at + 4), m.mapped[at+64:][:pipeSize]}
}

func (p *pipe) isEmpty() bool { return p.head.Load() == p.tail.Load() }

func (p *pipe) room() int { return pipeSize - int(p.head.Load()-p.tail.Load()) }

func (p *pipe) put(b []byte) int {
	head := p.head.Load()
	n := min(len(b), p.room())
	first := copy(p.data[head%pipeSize:], b[:n])
	copy(p.data, b[first:n])
	p.head.Store(head + uint32(n))
	return n
}

func (p *pipe) take(b []byte) int {
	tail := p.tail.Load()
	n := min(len(b), int(p.head.Load()-tail))
	if n == 0 {
		return 0
	}
	first := copy(b[:n], p.data[tail%pipeSize:])
	copy(b[first:n], p.data)
	p.tail.Store(tail + uint32(n))
	return n
}
