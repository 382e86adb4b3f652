package apigee

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ringplan/ringplan/pkg/topology"
)

// config is the part of a topology's spec that only Apigee hybrid has.
type config struct {
	Organization struct {
		Name            string `json:"name"`
		Project         string `json:"project"`
		AnalyticsRegion string `json:"analyticsRegion"`
	} `json:"organization"`
	InstanceID        string          `json:"instanceID"`
	ServiceAccounts   serviceAccounts `json:"serviceAccounts"`
	Environments      []entry         `json:"environments"`
	EnvironmentGroups []group         `json:"environmentGroups"`
	IngressGateways   []entry         `json:"ingressGateways"`
}

// entry is an item of a list whose other properties are free values.
type entry struct {
	Name   string          `json:"name"`
	Values topology.Values `json:"values"`
}

// group is an environment group.
type group struct {
	entry
	TLS struct {
		Secret string `json:"secret"`
	} `json:"tls"`
	Gateway string `json:"gateway"`
}

// serviceAccounts refers to what the components authenticate with; at most one
// method is set, and none means Secrets of conventional names.
type serviceAccounts struct {
	Secrets          map[string]string `json:"secrets"`
	WorkloadIdentity *googleAccounts   `json:"workloadIdentity"`
	Federated        *struct {
		googleAccounts
		Audience             string `json:"audience"`
		CredentialSourceFile string `json:"credentialSourceFile"`
		TokenExpiration      int    `json:"tokenExpiration"`
	} `json:"federated"`
	Vault *struct {
		SecretProviderClass string            `json:"secretProviderClass"`
		Environments        map[string]string `json:"environments"`
	} `json:"vault"`
}

type googleAccounts struct {
	GSA        string            `json:"gsa"`
	Components map[string]string `json:"components"`
}

// methods names the methods that are set.
func (s *serviceAccounts) methods() []string {
	var set []string
	if len(s.Secrets) > 0 {
		set = append(set, "secrets")
	}
	if s.WorkloadIdentity != nil {
		set = append(set, "workloadIdentity")
	}
	if s.Federated != nil {
		set = append(set, "federated")
	}
	if s.Vault != nil {
		set = append(set, "vault")
	}
	return set
}

// secret returns the Secret of a component: [SA] names them
// apigee-COMPONENT-svc-account.
func (s *serviceAccounts) secret(component string) string {
	if name := s.Secrets[component]; name != "" {
		return name
	}
	return "apigee-" + component + "-svc-account"
}

// usesSecrets reports whether the components authenticate with Secrets.
func (s *serviceAccounts) usesSecrets() bool {
	return s.WorkloadIdentity == nil && s.Federated == nil && s.Vault == nil
}

// says reports whether the topology itself names the account of a component.
func (s *serviceAccounts) says(component string) bool {
	google := s.google()
	return s.Secrets[component] != "" || google != nil && google.Components[component] != ""
}

// google returns the Google service accounts of the two methods that use them.
func (s *serviceAccounts) google() *googleAccounts {
	switch {
	case s.WorkloadIdentity != nil:
		return s.WorkloadIdentity
	case s.Federated != nil:
		return &s.Federated.googleAccounts
	}
	return nil
}

// A release line of hybrid, such as 1.16.
type line struct{ major, minor int }

func (l line) String() string { return fmt.Sprintf("%d.%d", l.major, l.minor) }

// atLeast reports whether l is m or later.
func (l line) atLeast(major, minor int) bool {
	return l.major > major || l.major == major && l.minor >= minor
}

// parseLine reads the line of a version such as 1.16.0, or of 1.16. Parts that
// are no numbers count as 0.
func parseLine(version string) line {
	parts := strings.SplitN(version, ".", 3)
	var l line
	l.major, _ = strconv.Atoi(parts[0])
	if len(parts) > 1 {
		l.minor, _ = strconv.Atoi(parts[1])
	}
	return l
}
