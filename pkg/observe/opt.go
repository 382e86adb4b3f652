package observe

import (
	"encoding/json"
	"fmt"
)

// An Opt is a field that may be missing, which is not the same as zero. The
// zero Opt is missing. In a struct its JSON tag wants omitzero.
type Opt[T comparable] struct {
	value T
	ok    bool
}

// Some returns a field that is there.
func Some[T comparable](value T) Opt[T] { return Opt[T]{value: value, ok: true} }

// Get returns the value and whether it is there.
func (o Opt[T]) Get() (T, bool) { return o.value, o.ok }

// Or returns the value, or missing if it is not there.
func (o Opt[T]) Or(missing T) T {
	if o.ok {
		return o.value
	}
	return missing
}

// Is reports whether the field is there and has that value. It is the form
// for checks: a missing field is never equal to anything.
func (o Opt[T]) Is(value T) bool { return o.ok && o.value == value }

// IsZero reports whether the field is missing; encoding/json asks.
func (o Opt[T]) IsZero() bool { return !o.ok }

// Equal reports whether both are missing, or there with the same value.
func (o Opt[T]) Equal(p Opt[T]) bool { return o == p }

// String returns the value for a message, or the word missing.
func (o Opt[T]) String() string {
	if !o.ok {
		return "missing"
	}
	return fmt.Sprint(o.value)
}

// MarshalJSON writes the value, or null.
func (o Opt[T]) MarshalJSON() ([]byte, error) {
	if !o.ok {
		return []byte("null"), nil
	}
	return json.Marshal(o.value)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (o *Opt[T]) UnmarshalJSON(data []byte) error {
	*o = Opt[T]{}
	if string(data) == "null" {
		return nil
	}
	o.ok = true
	return json.Unmarshal(data, &o.value)
}
