package proc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// next is the port that was given last. Those of the kernel's choice, which
// connections come from, begin at 32768.
var next atomic.Int32

func init() { next.Store(10000) }

// Ports returns so many ports of the loopback interface that are free and stay
// free: nobody else is in the namespace, and none is given twice.
func Ports(count int) ([]int, error) {
	ports := make([]int, 0, count)
	for len(ports) < count {
		port := int(next.Add(1))
		if port >= 32768 {
			return nil, errors.New("there are no ports left")
		}
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		_ = listener.Close() // nothing was sent
		ports = append(ports, port)
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

// Answers asks for a URL, which must be answered well.
func Answers(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	return nil
}

// FinalError is an error that no waiting will mend.
type FinalError struct{ Err error }

// Error is the error's text.
func (f FinalError) Error() string { return f.Err.Error() }

// Unwrap returns the error itself.
func (f FinalError) Unwrap() error { return f.Err }

// Until asks again and again, ever more rarely, until the answer is nil, and says
// what it waited for and the last answer when the time is over. A FinalError ends it
// at once.
func Until(ctx context.Context, limit time.Duration, what string, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for pause := 100 * time.Millisecond; ; pause = min(pause*5/4, time.Second) {
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
