{{/* The release's namespace wins, unless it is Helm's own default. */}}
{{- define "apigee-virtualhost.namespace" -}}
{{- if and .Values.namespace (eq .Release.Namespace "default") -}}
{{ .Values.namespace }}
{{- else -}}
{{ .Release.Namespace }}
{{- end -}}
{{- end }}

{{- define "apigee-virtualhost.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "apigee-virtualhost.image" -}}
{{- $tag := .of.tag | default .root.Chart.AppVersion -}}
{{- if .root.Values.hub -}}
{{ printf "%s/%s:%s" (trimSuffix "/" .root.Values.hub) (base .of.url) $tag }}
{{- else -}}
{{ printf "%s:%s" .of.url $tag }}
{{- end -}}
{{- end }}

{{/* Fails where --set envgroup names no entry of virtualhosts. */}}
{{- define "apigee-virtualhost.validate" -}}
{{- $names := list -}}
{{- range .Values.virtualhosts -}}
{{- $names = append $names (required "virtualhosts[].name is missing" .name) -}}
{{- end -}}
{{- if not (has .Values.envgroup $names) -}}
{{- fail (printf "Virtualhost '%s' not found" .Values.envgroup) -}}
{{- end -}}
{{- end }}

{{/* The Secret of a virtual host: one that is named, or one made of two files. */}}
{{- define "apigee-virtualhost.tlsSecret" -}}
{{- $host := .host -}}
{{- if $host.sslSecret -}}
{{ $host.sslSecret }}
{{- else if and $host.sslCertPath $host.sslKeyPath -}}
{{ printf "%s-%s-tls" .root.Values.org $host.name }}
{{- else -}}
{{- fail (printf "virtual host %s needs sslSecret, or sslCertPath and sslKeyPath" $host.name) -}}
{{- end -}}
{{- end }}

{{- define "apigee-virtualhost.protocol" -}}
{{- $versions := dict "1.0" "TLSV1_0" "1.1" "TLSV1_1" "1.2" "TLSV1_2" "1.3" "TLSV1_3" -}}
{{- get $versions (toString .) | required (printf "there is no TLS version %v" .) -}}
{{- end }}
