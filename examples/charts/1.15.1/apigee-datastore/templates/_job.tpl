{{/* A job of backup or restore: what it is told depends on where copies go. */}}
{{- define "apigee-datastore.job" -}}
backoffLimit: 1
template:
  spec:
    restartPolicy: Never
    serviceAccountName: apigee-cassandra-{{ .what }}
    containers:
      - name: apigee-cassandra-{{ .what }}
        image: {{ include "apigee-datastore.image" (dict "root" .root "of" .conf.image) }}
        env:
          - {name: PROVIDER, value: {{ .conf.cloudProvider }}}
          - {name: DATACENTER, value: {{ .root.Values.cassandra.datacenter | quote }}}
          {{- if eq .what "restore" }}
          - {name: SNAPSHOT, value: {{ required "cassandra.restore.snapshotTimestamp is missing" .conf.snapshotTimestamp | quote }}}
          {{- end }}
          {{- if eq .conf.cloudProvider "GCP" }}
          - {name: BUCKET, value: {{ required (printf "cassandra.%s.dbStorageBucket is missing" .what) .conf.dbStorageBucket }}}
          {{- else if eq .conf.cloudProvider "HYBRID" }}
          - {name: SERVER, value: {{ required (printf "cassandra.%s.server is missing" .what) .conf.server }}}
          - {name: DIRECTORY, value: {{ required (printf "cassandra.%s.storageDirectory is missing" .what) .conf.storageDirectory }}}
          {{- end }}
    {{- with include "apigee-datastore.jobKey" . }}
    volumes:
      - name: key
        secret: {secretName: {{ . }}}
    {{- end }}
{{- end }}

{{/* The Secret of a job: a key of Cloud Storage, or of the server. */}}
{{- define "apigee-datastore.jobKey" -}}
{{- if eq .conf.cloudProvider "HYBRID" -}}
{{- if not (or .conf.keyFileRef .conf.keyFile) -}}
{{- fail (printf "cassandra.%s needs keyFileRef or keyFile" .what) -}}
{{- end -}}
{{ .conf.keyFileRef | default (printf "apigee-cassandra-%s-key" .what) }}
{{- else if and (eq .conf.cloudProvider "GCP") (eq (include "apigee-datastore.identity" .root) "keys") -}}
{{- if not (or .conf.serviceAccountRef .conf.serviceAccountPath) -}}
{{- fail (printf "cassandra.%s has no service account: set serviceAccountRef or serviceAccountPath" .what) -}}
{{- end -}}
{{ .conf.serviceAccountRef | default (printf "apigee-cassandra-%s-key" .what) }}
{{- end -}}
{{- end }}
