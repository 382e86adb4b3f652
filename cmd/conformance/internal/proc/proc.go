// Package proc starts the programs of a run and ends them.
package proc

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// grace is how long a program may take to end by itself.
const grace = 5 * time.Second

// Spec says what is started.
type Spec struct {
	Name string // of its log file
	Path string
	Args []string
	Env  []string // besides the environment of this process
	Dir  string
}

// Group holds the programs that were started, and ends them all, the last one
// first.
type Group struct {
	logs    string // a folder
	starts  chan func()
	mu      sync.Mutex
	running []*Process
}

// NewGroup returns a group that writes what its programs print to files in the
// folder logs.
func NewGroup(logs string) *Group {
	group := &Group{logs: logs, starts: make(chan func())}
	go group.serve()
	return group
}

// serve starts programs from one thread that never ends: the kernel ends a child
// of PDEATHSIG with the thread that started it, not with the process.
func (g *Group) serve() {
	runtime.LockOSThread()
	for start := range g.starts {
		start()
	}
}

// Process is a program that was started.
type Process struct {
	name string
	cmd  *exec.Cmd
	done chan struct{}
	err  error       // what it ended with; read after done
	sent atomic.Bool // a signal, so that it may end
}

// Start starts a program in a process group of its own.
func (g *Group) Start(spec Spec) (*Process, error) {
	log, err := os.OpenFile(filepath.Join(g.logs, spec.Name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the child has its own
	command := exec.Command(spec.Path, spec.Args...)
	command.Env = append(os.Environ(), spec.Env...)
	command.Dir = spec.Dir
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error, 1)
	g.starts <- func() { started <- command.Start() }
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	process := &Process{name: spec.Name, cmd: command, done: make(chan struct{})}
	go func() {
		process.err = command.Wait()
		close(process.done)
	}()
	g.mu.Lock()
	g.running = append(g.running, process)
	g.mu.Unlock()
	return process, nil
}

// Check returns an error if a program ended that nobody ended.
func (g *Group) Check() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, process := range g.running {
		if err := process.Ended(); err != nil && !process.sent.Load() {
			return FinalError{err}
		}
	}
	return nil
}

// Stop ends every program.
func (g *Group) Stop() {
	g.mu.Lock()
	running := g.running
	g.running = nil
	g.mu.Unlock()
	for i := len(running) - 1; i >= 0; i-- {
		running[i].signal(syscall.SIGTERM)
	}
	for i := len(running) - 1; i >= 0; i-- {
		running[i].Stop()
	}
}

// Stop ends the program and every process of its group.
func (p *Process) Stop() {
	p.signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(grace):
	}
	p.Kill()
}

// Kill ends the program and every process of its group at once.
func (p *Process) Kill() {
	p.signal(syscall.SIGKILL)
	<-p.done
}

// Ended returns nil while the program runs, and afterwards why it does not.
func (p *Process) Ended() error {
	select {
	case <-p.done:
		return fmt.Errorf("%s ended by itself: %w", p.name, errors.Join(p.err, errors.New("see its log")))
	default:
		return nil
	}
}

func (p *Process) signal(signal syscall.Signal) {
	p.sent.Store(true)
	_ = syscall.Kill(-p.cmd.Process.Pid, signal) // it may have ended already
}
