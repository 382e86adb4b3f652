package operator

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// Event is something that an operator was told, or did.
type Event struct {
	Time    time.Time
	Region  string
	What    string
	Rebuild string // the state of the region's rebuild at that moment
	Wrong   bool   // it must never happen
}

// String is the event as one line.
func (e Event) String() string {
	mark := " "
	if e.Wrong {
		mark = "!"
	}
	return fmt.Sprintf("%s %s %s: %s (rebuild: %s)", mark, e.Time.UTC().Format("15:04:05.000"), e.Region, e.What, e.Rebuild)
}

// Log keeps what the operators of a ring were told, in order.
type Log struct {
	mu     sync.Mutex
	events []Event
}

func (l *Log) add(event Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, event)
}

// Events are all events up to now.
func (l *Log) Events() []Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Event(nil), l.events...)
}

// Wrong returns an error that names everything that must never happen and did.
func (l *Log) Wrong() error {
	var lines []string
	for _, event := range l.Events() {
		if event.Wrong {
			lines = append(lines, event.String())
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return fmt.Errorf("the operator was told what it must never be told:\n%s", strings.Join(lines, "\n"))
}

// Count tells how often an event with these words happened in a region.
func (l *Log) Count(region, words string) int {
	count := 0
	for _, event := range l.Events() {
		if event.Region == region && strings.Contains(event.What, words) {
			count++
		}
	}
	return count
}
