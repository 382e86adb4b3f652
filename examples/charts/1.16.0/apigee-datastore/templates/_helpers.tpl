{{/* The release's namespace wins, unless it is Helm's own default. */}}
{{- define "apigee-datastore.namespace" -}}
{{- if and .Values.namespace (eq .Release.Namespace "default") -}}
{{ .Values.namespace }}
{{- else -}}
{{ .Release.Namespace }}
{{- end -}}
{{- end }}

{{- define "apigee-datastore.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "apigee-datastore.image" -}}
{{- $tag := .of.tag | default .root.Chart.AppVersion -}}
{{- if .root.Values.hub -}}
{{ printf "%s/%s:%s" (trimSuffix "/" .root.Values.hub) (base .of.url) $tag }}
{{- else -}}
{{ printf "%s:%s" .of.url $tag }}
{{- end -}}
{{- end }}

{{/* The version without its periods; revision is documented, and not read. */}}
{{- define "apigee-datastore.revision" -}}
{{ .Chart.AppVersion | replace "." "" }}
{{- end }}

{{- define "apigee-datastore.nodeAffinity" -}}
{{- $match := dict "key" .pool.key "operator" "In" "values" (list (toString .pool.value)) -}}
{{- $term := dict "matchExpressions" (list $match) -}}
{{- if .root.Values.nodeSelector.requiredForScheduling -}}
{{- dict "nodeSelectorTerms" (list $term) | dict "requiredDuringSchedulingIgnoredDuringExecution" | toYaml -}}
{{- else -}}
{{- list (dict "weight" 100 "preference" $term) | dict "preferredDuringSchedulingIgnoredDuringExecution" | toYaml -}}
{{- end -}}
{{- end }}

{{/* How components authenticate: keys, workload, federated or provider. */}}
{{- define "apigee-datastore.identity" -}}
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

{{/* The profile of a component, else the one of all. */}}
{{- define "apigee-datastore.seccomp" -}}
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

{{/* Both spellings of the class are known here. */}}
{{- define "apigee-datastore.storageClass" -}}
{{- with .Values.cassandra.storage -}}
{{ .storageclass | default .storageClass }}
{{- end -}}
{{- end }}

{{/* capacity is the old name. The default stands here, not in values.yaml. */}}
{{- define "apigee-datastore.storageSize" -}}
{{- $storage := .Values.cassandra.storage | default dict -}}
{{ $storage.storageSize | default $storage.capacity | default "10Gi" }}
{{- end }}

{{- define "apigee-datastore.credentials" -}}
{{ .Values.cassandra.auth.secret | default "apigee-datastore-default-creds" }}
{{- end }}

{{/* What the guardrail is told to check, by what is in the cluster. */}}
{{- define "apigee-datastore.checkpoint" -}}
{{- $live := lookup "apigee.cloud.google.com/v1alpha1" "ApigeeDatastore" (include "apigee-datastore.namespace" .) "default" -}}
{{- $version := dig "metadata" "labels" "app.kubernetes.io/version" "0.0.0" $live -}}
{{- if .Values.checkpoint -}}
{{ .Values.checkpoint }}
{{- else if not $live -}}
install
{{- else if semverCompare (print "<" .Chart.AppVersion) $version -}}
upgrade
{{- else if semverCompare (print "=" .Chart.AppVersion) $version -}}
config-change
{{- else -}}
pre-install
{{- end -}}
{{- end }}

{{- define "apigee-datastore.validate" -}}
{{- $_ := required "org is missing" .Values.org -}}
{{- with .Values.cassandra.backup -}}
{{- if and .enabled (not (has .cloudProvider (list "CSI" "GCP" "HYBRID"))) -}}
{{- fail (printf "cassandra.backup.cloudProvider is %s, not CSI, GCP or HYBRID" .cloudProvider) -}}
{{- end -}}
{{- end -}}
{{- end }}
