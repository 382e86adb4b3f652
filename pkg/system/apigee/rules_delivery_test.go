package apigee

import "testing"

// TestDeliveryRules tries who renders where charts cannot ask the cluster, and
// what then goes wrong.
func TestDeliveryRules(t *testing.T) {
	const (
		argo     = `spec: {delivery: [argocd], repository: {url: u}}`
		csi      = `spec: {delivery: [argocd], repository: {url: u}, cassandra: {backup: {gcs: null, csi: {}}}}`
		flux     = `spec: {delivery: [flux]}`
		rendered = `spec: {delivery: [flux], flux: {engine: rendered}}`
		both     = `spec: {delivery: [flux, argocd], repository: {url: u}}`
		west     = "RP164 warning spec.regions[1]"
	)
	tests := map[string]struct {
		patch, values, west string
		want                []string
	}{
		"nobody":                  {`{}`, `{}`, `{}`, nil},
		"Flux asks":               {flux, `{}`, `{}`, nil},
		"Argo CD":                 {argo, `{}`, `{}`, []string{west}},
		"committed":               {rendered, `{}`, `{}`, []string{west}},
		"Argo CD besides Flux":    {both, `{}`, `{}`, []string{west}},
		"no authority":            {argo, `{}`, `{ao: {certManagerCAIssuerEnabled: false}}`, nil},
		"no authority anywhere":   {argo, `{ao: {certManagerCAIssuerEnabled: false}}`, `{}`, nil},
		"authority, by all means": {argo, `{}`, `{ao: {certManagerCAIssuerEnabled: true}}`, []string{west}},
		"backups by CSI":          {csi, `{}`, `{}`, []string{"RP164 error spec.cassandra.backup.csi", west}},
		"networks":                {argo, `{cassandra: {networks: [{name: a}]}}`, `{}`, []string{west, "RP164 error spec.values.cassandra.networks"}},
		"networks, and Flux asks": {flux, `{cassandra: {networks: [{name: a}]}}`, `{}`, nil},
		"networks, in one region": {argo, `{}`, `{ao: {certManagerCAIssuerEnabled: false}, cassandra: {networks: [{name: a}]}}`, []string{"RP164 error spec.regions[1].values.cassandra.networks"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { checkFindings(t, values(t, tt.patch, tt.values, `{}`, tt.west), tt.want) })
	}
}
