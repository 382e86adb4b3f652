{{/* The release's namespace wins, unless it is Helm's own default. */}}
{{- define "apigee-operator.namespace" -}}
{{- if and .Values.namespace (eq .Release.Namespace "default") -}}
{{ .Values.namespace }}
{{- else -}}
{{ .Release.Namespace }}
{{- end -}}
{{- end }}

{{- define "apigee-operator.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "apigee-operator.image" -}}
{{- $tag := .of.tag | default .root.Chart.AppVersion -}}
{{- if .root.Values.hub -}}
{{ printf "%s/%s:%s" (trimSuffix "/" .root.Values.hub) (base .of.url) $tag }}
{{- else -}}
{{ printf "%s:%s" .of.url $tag }}
{{- end -}}
{{- end }}

{{/* How components authenticate: keys, workload, federated or provider. */}}
{{- define "apigee-operator.identity" -}}
{{- $gcp := .Values.gcp -}}
{{- if and $gcp.workloadIdentity.enabled $gcp.federatedWorkloadIdentity.enabled -}}
{{- fail "gcp.workloadIdentity and gcp.federatedWorkloadIdentity exclude each other" -}}
{{- end -}}
{{- if $gcp.federatedWorkloadIdentity.enabled -}}
{{- range $key := list "audience" "credentialSourceFile" -}}
{{- $_ := index $gcp "federatedWorkloadIdentity" $key | required (printf "gcp.federatedWorkloadIdentity.%s is missing" $key) -}}
{{- end -}}
{{- if lt (int $gcp.federatedWorkloadIdentity.tokenExpiration) 600 -}}
{{- fail "gcp.federatedWorkloadIdentity.tokenExpiration must be 600 or more" -}}
{{- end -}}
federated
{{- else if $gcp.workloadIdentity.enabled -}}
workload
{{- else if .Values.serviceAccountSecretProviderClass -}}
provider
{{- else -}}
keys
{{- end -}}
{{- end }}

{{/* The Secret that holds the key of a component, or nothing if it needs none. */}}
{{- define "apigee-operator.keySecret" -}}
{{- if eq (include "apigee-operator.identity" .root) "keys" -}}
{{- if .conf.serviceAccountRef -}}
{{ .conf.serviceAccountRef }}
{{- else if .conf.serviceAccountPath -}}
{{ printf "%s-%s-key" .root.Release.Name (kebabcase .component) }}
{{- else -}}
{{- fail (printf "%s has no service account: set %s.serviceAccountRef, %s.serviceAccountPath, serviceAccountSecretProviderClass or an identity under gcp" .component .component .component) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "apigee-operator.serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: apigee-{{ kebabcase .component }}
  namespace: {{ include "apigee-operator.namespace" .root }}
  labels: {{- include "apigee-operator.labels" .root | nindent 4 }}
  annotations:
    helm.sh/hook: pre-install,pre-upgrade
    helm.sh/hook-weight: "-1"
    helm.sh/hook-delete-policy: before-hook-creation
  {{- if eq (include "apigee-operator.identity" .root) "workload" }}
  {{- with .conf.gsa | default .root.Values.gcp.workloadIdentity.gsa }}
    iam.gke.io/gcp-service-account: {{ . }}
  {{- end }}
  {{- end }}
{{- if and (eq (include "apigee-operator.identity" .root) "keys") .conf.serviceAccountPath (not .conf.serviceAccountRef) }}
---
apiVersion: v1
kind: Secret
metadata:
  name: {{ include "apigee-operator.keySecret" . }}
  namespace: {{ include "apigee-operator.namespace" .root }}
  annotations:
    helm.sh/hook: pre-install,pre-upgrade
    helm.sh/hook-weight: "-1"
    helm.sh/hook-delete-policy: before-hook-creation
data:
  client_secret.json: {{ required (printf "the chart holds no file %s" .conf.serviceAccountPath) (.root.Files.Get .conf.serviceAccountPath) | b64enc }}
{{- end }}
{{- end }}

{{/* The volume that a component authenticates with, where it has no key. */}}
{{- define "apigee-operator.volumes" -}}
{{- $how := include "apigee-operator.identity" .root -}}
{{- if eq $how "provider" -}}
- name: account
  csi:
    driver: secrets-store.csi.k8s.io
    readOnly: true
    volumeAttributes:
      secretProviderClass: {{ .root.Values.serviceAccountSecretProviderClass }}
{{- else if eq $how "federated" -}}
{{- with .root.Values.gcp.federatedWorkloadIdentity -}}
- name: account
  projected:
    sources:
      - serviceAccountToken:
          audience: {{ .audience }}
          expirationSeconds: {{ int .tokenExpiration }}
          path: {{ base .credentialSourceFile }}
{{- end }}
{{- end }}
{{- end }}

{{/* The profile of a component, else the one of all. */}}
{{- define "apigee-operator.seccomp" -}}
{{- $own := (.conf.securityContext | default dict).seccompProfile -}}
{{- $all := (.root.Values.securityContext | default dict).seccompProfile -}}
{{- with $own | default $all -}}
seccompProfile:
  type: {{ .type }}
  {{- if eq .type "Localhost" }}
  localhostProfile: {{ required "seccompProfile of type Localhost needs localhostProfile" .localhostProfile }}
  {{- end }}
{{- end }}
{{- end }}

{{/* What the chart cannot do without. */}}
{{- define "apigee-operator.validate" -}}
{{- if semverCompare "<3.10.0-0" .Capabilities.HelmVersion.Version -}}
{{- fail "Helm 3.10.0 or newer is needed" -}}
{{- end -}}
{{- if not .Values.org -}}
{{- fail "org is missing" -}}
{{- end -}}
{{- end }}
