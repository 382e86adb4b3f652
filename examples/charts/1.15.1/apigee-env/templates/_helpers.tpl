{{/* The release's namespace wins, unless it is Helm's own default. */}}
{{- define "apigee-env.namespace" -}}
{{- if and .Values.namespace (eq .Release.Namespace "default") -}}
{{ .Values.namespace }}
{{- else -}}
{{ .Release.Namespace }}
{{- end -}}
{{- end }}

{{- define "apigee-env.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "apigee-env.image" -}}
{{- $tag := .of.tag | default .root.Chart.AppVersion -}}
{{- if .root.Values.hub -}}
{{ printf "%s/%s:%s" (trimSuffix "/" .root.Values.hub) (base .of.url) $tag }}
{{- else -}}
{{ printf "%s:%s" .of.url $tag }}
{{- end -}}
{{- end }}

{{/* The version without its periods; revision is documented, and not read. */}}
{{- define "apigee-env.revision" -}}
{{ .Chart.AppVersion | replace "." "" }}
{{- end }}

{{- define "apigee-env.nodeAffinity" -}}
{{- $match := dict "key" .pool.key "operator" "In" "values" (list (toString .pool.value)) -}}
{{- $term := dict "matchExpressions" (list $match) -}}
{{- if .root.Values.nodeSelector.requiredForScheduling -}}
{{- dict "nodeSelectorTerms" (list $term) | dict "requiredDuringSchedulingIgnoredDuringExecution" | toYaml -}}
{{- else -}}
{{- list (dict "weight" 100 "preference" $term) | dict "preferredDuringSchedulingIgnoredDuringExecution" | toYaml -}}
{{- end -}}
{{- end }}

{{/* How components authenticate: keys, workload, federated or provider. */}}
{{- define "apigee-env.identity" -}}
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
{{- else if (include "apigee-env.provider" .) -}}
provider
{{- else -}}
keys
{{- end -}}
{{- end }}

{{/* The name of the ApigeeEnvironment. */}}
{{- define "apigee-env.name" -}}
{{- $org := required "org is missing" .Values.org -}}
{{- $env := .Values.env -}}
{{- printf "%s-%s-%s" (substr 0 15 $org) (substr 0 15 $env) (printf "%s:%s" $org $env | sha256sum | substr 0 7) -}}
{{- end }}

{{- define "apigee-env.provider" -}}
{{- range .Values.envs }}
{{- if eq .name $.Values.env -}}
{{ .serviceAccountSecretProviderClass | default $.Values.serviceAccountSecretProviderClass }}
{{- end }}
{{- end }}
{{- end }}

{{/* Fails where --set env names no entry of envs. */}}
{{- define "apigee-env.validate" -}}
{{- $found := false -}}
{{- range .Values.envs -}}
{{- if eq (required "envs[].name is missing" .name) $.Values.env -}}
{{- $found = true -}}
{{- end -}}
{{- end -}}
{{- if not $found -}}
{{- fail (printf "Environment '%s' not found" .Values.env) -}}
{{- end -}}
{{- end }}

{{/* The Secret with the key of a component, for environments that use keys. */}}
{{- define "apigee-env.keySecret" -}}
{{- if eq (include "apigee-env.identity" .root) "keys" -}}
{{- $ref := dig "serviceAccountSecretRefs" .component "" .env -}}
{{- $path := dig "serviceAccountPaths" .component "" .env -}}
{{- if not (or $ref $path) -}}
{{- fail (printf "environment %s has no service account for %s: set serviceAccountSecretRefs, serviceAccountPaths, serviceAccountSecretProviderClass or an identity under gcp" .env.name .component) -}}
{{- end -}}
{{- $ref | default (printf "%s-%s-key" .root.Release.Name .component) -}}
{{- end -}}
{{- end }}

{{- define "apigee-env.account" -}}
podServiceAccountName: {{ printf "apigee-%s-%s" .component (include "apigee-env.name" .root) }}
{{- with include "apigee-env.keySecret" . }}
appServiceAccountSecretName: {{ . }}
{{- end }}
{{- $how := include "apigee-env.identity" .root }}
{{- if eq $how "provider" }}
volumes:
  - name: account
    csi: {driver: secrets-store.csi.k8s.io, readOnly: true, volumeAttributes: {secretProviderClass: {{ include "apigee-env.provider" .root }}}}
{{- else if eq $how "federated" }}
{{- with .root.Values.gcp.federatedWorkloadIdentity }}
volumes:
  - name: account
    projected:
      sources:
        - serviceAccountToken: {audience: {{ .audience | quote }}, expirationSeconds: {{ int .tokenExpiration }}, path: {{ base .credentialSourceFile }}}
{{- end }}
{{- end }}
{{- end }}
