//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package tree

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestLocked stops one Write at its commit point and tries everything else.
func TestLocked(t *testing.T) {
	for name, was := range map[string]content{"new tree": nil, "existing tree": {"a": "1"}} {
		t.Run(name, func(t *testing.T) {
			dir := newTree(t, was)
			want := content{"a": "2"}
			reached, proceed := make(chan bool), make(chan bool)
			var once sync.Once
			setFailpoint(t, func(step string) error {
				if strings.HasPrefix(step, "rename to") {
					once.Do(func() { close(reached); <-proceed })
				}
				return nil
			})
			done := make(chan error)
			go func() {
				_, err := Write(context.Background(), dir, want.files(), false)
				done <- err
			}()
			<-reached
			_, err := Write(t.Context(), dir, content{"a": "3"}.files(), true)
			_, err2 := Compare(dir, want.files())
			_, err3 := Recover(dir)
			for _, err := range []error{err, err2, err3} {
				if !errors.Is(err, ErrLocked) {
					t.Errorf("got %v, want ErrLocked", err)
				}
				wantError(t, err, dir)
			}
			close(proceed)
			if err := <-done; err != nil {
				t.Error(err)
			}
			wantTree(t, dir, want.generated())
		})
	}
}

// TestLockRemovedMeanwhile has a holder let go, and another take the lock,
// between the moments when a third opens and locks the file.
func TestLockRemovedMeanwhile(t *testing.T) {
	dir := newTree(t, content{"a": "1"})
	p, err := openPlace(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	first, err := p.lock(true)
	if err != nil {
		t.Fatal(err)
	}
	late, err := p.openLock()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = late.Close() }()
	if err := p.claim(late); !errors.Is(err, ErrLocked) {
		t.Errorf("locked twice: %v", err)
	}
	if err := p.unlock(first); err != nil {
		t.Fatal(err)
	}
	if err := p.claim(late); !errors.Is(err, errLockGone) {
		t.Errorf("claimed a removed file: %v", err)
	}
	second, err := p.lock(true)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.claim(late); !errors.Is(err, errLockGone) {
		t.Errorf("claimed a removed file while there is another: %v", err)
	}
	if err := p.unlock(second); err != nil {
		t.Error(err)
	}
	wantTree(t, dir, content{"a": "1"}.generated())
}

// TestConcurrentWrites lets writers of two trees and readers loose on one
// directory. All that they may see is one tree, the other, or the lock.
func TestConcurrentWrites(t *testing.T) {
	trees := [2]content{{"same": "s"}, {"same": "s"}}
	for i := range 20 {
		trees[0][fmt.Sprintf("d%d/f", i)] = "zero"
		trees[1][fmt.Sprintf("d%d/f", i)] = "one"
		trees[i%2][fmt.Sprintf("only/%d", i)] = "x"
	}
	dir := newTree(t, trees[0])
	var won, clean, stale atomic.Int64
	var readers, writers sync.WaitGroup
	stop := make(chan bool)
	for i := range 4 {
		writers.Go(func() {
			for range 20 {
				_, err := Write(context.Background(), dir, trees[i%2].files(), false)
				switch {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, ErrLocked):
					t.Error(err)
				}
				time.Sleep(time.Duration(rand.IntN(10)) * time.Millisecond)
			}
		})
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				state, err := Compare(dir, trees[i%2].files())
				other := len(state.Stale) == 21 && len(state.Missing) == 10 && len(state.Obsolete) == 10 && state.Same == 1
				switch {
				case errors.Is(err, ErrLocked):
				case err == nil && state.Clean():
					clean.Add(1)
				case err == nil && other:
					stale.Add(1)
				default:
					t.Errorf("%+v, %v", state, err)
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	readers.Wait()
	t.Logf("%d writes, compared clean %d times, stale %d", won.Load(), clean.Load(), stale.Load())
	if won.Load() == 0 || clean.Load() == 0 || stale.Load() == 0 {
		t.Error("not everything happened")
	}
	wantNoStaging(t, dir)
	if got := show(snapshot(t, dir)); got != show(trees[0].generated()) && got != show(trees[1].generated()) {
		t.Errorf("tree is a mix:\n%s", got)
	}
}

// TestUndisturbed has a whole Write run, or begin, while a reader looks.
func TestUndisturbed(t *testing.T) {
	want := content{"a": "2"}
	for name, was := range map[string]content{"new tree": nil, "changed": {"a": "1"}, "restored": want} {
		t.Run(name, func(t *testing.T) {
			dir := newTree(t, was)
			p, err := openPlace(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer p.close()
			if err := p.undisturbed(func() error { return nil }); err != nil {
				t.Error(err)
			}
			if name == "restored" {
				edit(t, dir, content{"a": "-"})
			}
			if err := p.undisturbed(func() error { mustWrite(t, dir, want); return nil }); !errors.Is(err, ErrLocked) {
				t.Errorf("a write is not noticed: %v", err)
			}
			held, err := p.lock(true)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.undisturbed(func() error { return errInjected }); !errors.Is(err, ErrLocked) {
				t.Errorf("a lock is not noticed: %v", err)
			}
			if err := p.unlock(held); err != nil {
				t.Error(err)
			}
			if err := p.undisturbed(func() error { return errInjected }); !errors.Is(err, errInjected) {
				t.Errorf("got %v", err)
			}
		})
	}
}
