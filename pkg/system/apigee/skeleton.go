package apigee

// skeleton is the part of a new topology's spec that only Apigee hybrid has.
const skeleton = `  # The charts; this is the repository that Google releases them to.
  charts: {repository: "` + defaultRepository + `"}
  organization:
    name: my-org                     # the Apigee organization
    project: my-project              # the Google Cloud project
    analyticsRegion: us-central1     # where analytics live, not where a cluster is
  instanceID: myinstance1            # letters and digits; the same in every region
  cassandra:
    clusterName: apigeecluster       # cannot be changed later
    replicas: 3                      # for each region; a multiple of 3
    storage: {size: 100Gi}           # cannot be changed by hand later; the class is the platform's
    auth: {secret: apigee-cassandra-auth}
    backup:
      gcs: {bucket: my-cassandra-backups}
  # Secrets named apigee-COMPONENT-svc-account, unless said here:
  # serviceAccounts: {workloadIdentity: {gsa: apigee@my-project.iam.gserviceaccount.com}}
  environments: [{name: prod}]
  environmentGroups: [{name: prod-group, tls: {secret: prod-tls}}]
  ingressGateways: [{name: prod-ingress}]
`
