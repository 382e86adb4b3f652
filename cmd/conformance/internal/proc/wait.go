package proc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// Ports returns so many free ports of the loopback interface. Nobody else is in
// the namespace, so they stay free until they are used.
func Ports(count int) ([]int, error) {
	ports := make([]int, 0, count)
	for range count {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = listener.Close() }() // all at the end, so that they differ
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// Pause waits, or returns the error of a context that ends before.
func Pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// FinalError is an error that no waiting will mend.
type FinalError struct{ Err error }

// Error is the error's text.
func (f FinalError) Error() string { return f.Err.Error() }

// Unwrap returns the error itself.
func (f FinalError) Unwrap() error { return f.Err }

// Until asks again and again until the answer is nil, and says what it waited for
// and the last answer when the time is over. A FinalError ends it at once.
func Until(ctx context.Context, limit time.Duration, what string, ask func(context.Context) error) error {
	const pause = 200 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		err := ask(ctx)
		var final FinalError
		if err == nil || errors.As(err, &final) {
			return err
		}
		if Pause(ctx, pause) != nil {
			return fmt.Errorf("waited %s for %s: %w", limit, what, err)
		}
	}
}
