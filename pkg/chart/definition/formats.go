package definition

import (
	"errors"
	"math"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"
)

// formatPrefix tells the formats of Kubernetes from those that JSON schemas
// have under the same names.
const formatPrefix = "kubernetes-"

// A format reports whether a value is of it; values of other types are.
type format func(value any) bool

var errFormat = errors.New("it is not of the format")

func (f format) validate(value any) error {
	if f(value) {
		return nil
	}
	return errFormat
}

// formats are the formats that the API server validates, but for some that no
// definition of a cluster's parts has use for (isbn, ssn and the like). Others
// it ignores.
var formats = map[string]format{
	"int32":    within(math.MinInt32, math.MaxInt32),
	"int64":    within(math.MinInt64, math.MaxInt64),
	"datetime": ofText(isDateTime),
	"date":     ofText(func(text string) bool { _, err := time.Parse(time.DateOnly, text); return err == nil }),
	"duration": ofText(isDuration),
	"byte":     ofText(base64.MatchString),
	"uuid":     ofText(uuid.MatchString),
	"uri":      ofText(func(text string) bool { _, err := url.ParseRequestURI(text); return err == nil }),
	"email":    ofText(func(text string) bool { _, err := mail.ParseAddress(text); return err == nil }),
	"mac":      ofText(func(text string) bool { _, err := net.ParseMAC(text); return err == nil }),
	"ipv4":     ofText(func(text string) bool { at, err := netip.ParseAddr(text); return err == nil && at.Is4() }),
	"ipv6":     ofText(func(text string) bool { at, err := netip.ParseAddr(text); return err == nil && at.Is6() }),
	"cidr":     ofText(func(text string) bool { _, err := netip.ParsePrefix(text); return err == nil }),
	"hostname": ofText(isHostname),
}

func ofText(fits func(string) bool) format {
	return func(value any) bool {
		text, ok := value.(string)
		return !ok || fits(text)
	}
}

func within(least, most int64) format {
	return func(value any) bool {
		switch n := value.(type) {
		case int64:
			return n >= least && n <= most
		case float64:
			return n >= float64(least) && n <= float64(most)
		}
		return true
	}
}

var (
	base64 = regexp.MustCompile(`^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$`)
	uuid   = regexp.MustCompile(`(?i)^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$`)
	amount = regexp.MustCompile(`(?i)\d+\s*((ns|us|ms|s|m|h|hr|d|w|wk)\b|nano|micro|milli|sec|min|hour|day|week)`)
)

func isDateTime(text string) bool {
	_, err := time.Parse(time.RFC3339, strings.ToUpper(text))
	return err == nil
}

// isDuration takes the durations of Go, and those of Scala, such as 3 days.
func isDuration(text string) bool {
	_, err := time.ParseDuration(text)
	return err == nil || amount.MatchString(text)
}

func isHostname(text string) bool {
	const most, mostOfLabel = 255, 63
	for label := range strings.SplitSeq(text, ".") {
		odd := strings.ContainsFunc(label, func(r rune) bool { return r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		if odd || label == "" || len(label) > mostOfLabel || strings.Trim(label, "-") != label {
			return false
		}
	}
	return len(text) <= most
}
