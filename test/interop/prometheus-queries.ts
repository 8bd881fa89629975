/**
 * What dashboards ask: panels of the kinds that those for node_exporter and for Prometheus itself have. `$cluster` and `$interval` are
 * filled in as a dashboard does; with the receiver, `$cluster` tells senders apart, on a sender the label is absent.
 */

export interface Query {
  readonly title: string
  readonly promql: string
  /** Where the receiver must be asked otherwise: the rule of the mapping says why. */
  readonly receiver?: string
  /** Nothing is the right answer. */
  readonly empty?: true
  /** The job that a sender must have for it. */
  readonly job?: string
}

const node = 'job="node", cluster=~"$cluster"'
const self = 'job="prometheus", cluster=~"$cluster"'
const custom = 'job="custom", cluster=~"$cluster"'
const app = 'job="app", cluster=~"$cluster"'

export const queries: readonly Query[] = [
  // node_exporter
  {
    title: 'CPU in use, by core',
    promql: `(1 - sum without (mode) (rate(node_cpu_seconds_total{${node}, mode=~"idle|iowait|steal"}[$interval]))) / ignoring (cpu) group_left count without (cpu, mode) (node_cpu_seconds_total{${node}, mode="idle"})`,
  },
  { title: 'CPU by mode', promql: `sum by (mode) (irate(node_cpu_seconds_total{${node}}[$interval]))` },
  { title: 'three greatest modes', promql: `topk(3, sum by (mode) (node_cpu_seconds_total{${node}}))` },
  { title: 'cores', promql: `count(node_cpu_seconds_total{${node}, mode="idle"})` },
  { title: 'load to cores', promql: `node_load1{${node}} / count without (cpu, mode) (node_cpu_seconds_total{${node}, mode="idle"})` },
  { title: 'load', promql: `{__name__=~"node_load(1|5|15)", ${node}}` },
  {
    title: 'memory used',
    promql: `node_memory_MemTotal_bytes{${node}} - node_memory_MemFree_bytes{${node}} - node_memory_Buffers_bytes{${node}} - node_memory_Cached_bytes{${node}}`,
  },
  {
    title: 'memory used, percent',
    promql: `100 - avg(node_memory_MemAvailable_bytes{${node}}) / avg(node_memory_MemTotal_bytes{${node}}) * 100`,
  },
  { title: 'page faults', promql: `rate(node_vmstat_pgmajfault{${node}}[$interval]) + rate(node_vmstat_pgfault{${node}}[$interval])` },
  {
    title: 'space left of file systems',
    promql: `max by (mountpoint) (node_filesystem_avail_bytes{${node}, fstype!="", mountpoint!=""}) / max by (mountpoint) (node_filesystem_size_bytes{${node}, fstype!="", mountpoint!=""})`,
  },
  { title: 'file systems that fill up', promql: `predict_linear(node_filesystem_avail_bytes{${node}, fstype!="tmpfs"}[$interval], 3600)` },
  { title: 'disk read', promql: `rate(node_disk_read_bytes_total{${node}, device!=""}[$interval])` },
  { title: 'disk busy', promql: `rate(node_disk_io_time_seconds_total{${node}, device!=""}[$interval])` },
  { title: 'network in, bits', promql: `rate(node_network_receive_bytes_total{${node}}[$interval]) * 8` },
  { title: 'network out, whole range', promql: `sum by (device) (increase(node_network_transmit_bytes_total{${node}}[$interval]))` },
  { title: 'device names made shorter', promql: `label_replace(node_network_up{${node}}, "short", "$1", "device", "(..).*")` },
  {
    title: 'up time with the name of the node',
    promql: `(node_time_seconds{${node}} - node_boot_time_seconds{${node}}) * on (instance) group_left (nodename) node_uname_info{${node}}`,
  },
  { title: 'context switches, smoothed', promql: `avg_over_time(rate(node_context_switches_total{${node}}[$interval])[10s:2s])` },
  { title: 'sockets', promql: `node_sockstat_TCP_inuse{${node}} + node_sockstat_TCP_tw{${node}}` },
  { title: 'collectors that fail', promql: `count by (collector) (node_scrape_collector_success{${node}} == 0)` },
  { title: 'slowest collectors', promql: `quantile(0.9, node_scrape_collector_duration_seconds{${node}})` },

  // Prometheus itself
  {
    title: 'latency of requests, 90 %',
    promql: `histogram_quantile(0.9, sum by (le) (rate(prometheus_http_request_duration_seconds_bucket{${self}}[$interval])))`,
  },
  {
    title: 'latency by handler, median',
    promql: `histogram_quantile(0.5, sum by (handler, le) (rate(prometheus_http_request_duration_seconds_bucket{${self}}[$interval])))`,
  },
  {
    title: 'mean latency by handler',
    promql: `sum by (handler) (rate(prometheus_http_request_duration_seconds_sum{${self}}[$interval])) / sum by (handler) (rate(prometheus_http_request_duration_seconds_count{${self}}[$interval]))`,
  },
  {
    title: 'share below a tenth of a second',
    promql: `sum(rate(prometheus_http_request_duration_seconds_bucket{${self}, le="0.1"}[$interval])) / sum(rate(prometheus_http_request_duration_seconds_bucket{${self}, le="+Inf"}[$interval]))`,
  },
  {
    title: 'heat map of answers by size',
    promql: `sum by (le) (increase(prometheus_http_response_size_bytes_bucket{${self}}[$interval]))`,
  },
  { title: 'pauses of garbage collection', promql: `go_gc_duration_seconds{${self}}` },
  { title: 'time in garbage collection', promql: `rate(go_gc_duration_seconds_sum{${self}}[$interval])` },
  { title: 'scrape interval, 99 %', promql: `max(prometheus_target_interval_length_seconds{${self}, quantile="0.99"})` },
  { title: 'samples appended', promql: `rate(prometheus_tsdb_head_samples_appended_total{${self}}[$interval])` },
  { title: 'requests by code', promql: `sum by (code, handler) (rate(prometheus_http_requests_total{${self}}[$interval]))` },
  { title: 'memory of the process', promql: `process_resident_memory_bytes{${self}}` },
  { title: 'goroutines beyond the mean', promql: `go_goroutines{${self}} - on () group_left avg(go_goroutines{${self}})` },
  { title: 'version joined', promql: `up{${self}} * on (instance) group_left (version) prometheus_build_info{${self}}` },

  // The target that vanishes, starts again and comes back
  { title: 'targets that are up', promql: `sum by (job) (up{cluster=~"$cluster"})` },
  { title: 'changes of up', promql: `changes(up{cluster=~"$cluster"}[$interval])` },
  { title: 'duration of scrapes', promql: `max by (job) (scrape_duration_seconds{cluster=~"$cluster"})` },
  { title: 'samples a scrape', promql: `scrape_samples_scraped{cluster=~"$cluster"}` },
  { title: 'counter that starts again', promql: `rate(app_requests_total{${app}}[$interval])` },
  { title: 'resets', promql: `resets(app_latency_seconds_count{${app}}[$interval])` },
  {
    title: 'latency across the start, 99 %',
    promql: `histogram_quantile(0.99, sum by (path, le) (rate(app_latency_seconds_bucket{${app}}[$interval])))`,
  },
  { title: 'summary', promql: `app_rpc_seconds{${app}}` },
  { title: 'what leaves', promql: `count by (__name__) ({__name__=~"app_(leaving|arrived).*", ${app}})` },
  { title: 'absent once it left', promql: `absent(app_leaving{${app}})` },
  { title: 'absent histogram once it left', promql: `absent(app_leaving_bytes_bucket{${app}, le="+Inf"})` },
  { title: 'what never was', promql: `absent(app_nothing{${app}})` },
  { title: 'nothing', promql: `app_nothing{${app}}`, empty: true },
  { title: 'joined with target_info', promql: `app_untyped{${app}} * on (job, instance) group_left (env) target_info{${app}}` },
  {
    title: 'the target that goes and comes back',
    promql: `count by (__name__) ({job="short", cluster=~"$cluster", __name__!~".*_created|target_info"})`,
  },

  // Native histograms
  {
    title: 'native latency, 90 %',
    promql: `histogram_quantile(0.9, sum(rate(prometheus_http_request_duration_seconds{job="native", cluster=~"$cluster"}[$interval])))`,
    job: 'native',
  },
  {
    title: 'native latency by handler',
    promql: `histogram_avg(sum by (handler) (rate(prometheus_http_request_duration_seconds{job="native", cluster=~"$cluster"}[$interval])))`,
    job: 'native',
  },
  {
    title: 'native share below a tenth of a second',
    promql: `histogram_fraction(0, 0.1, sum(rate(prometheus_http_request_duration_seconds{job="native", cluster=~"$cluster"}[$interval])))`,
    job: 'native',
  },
  {
    title: 'native count and sum',
    promql: `histogram_count(sum(increase(prometheus_http_request_duration_seconds{job="native", cluster=~"$cluster"}[$interval]))) + histogram_sum(sum(prometheus_http_request_duration_seconds{job="native", cluster=~"$cluster"}))`,
    job: 'native',
  },
  {
    title: 'native histograms as they are',
    promql: `sum by (handler) (prometheus_http_request_duration_seconds{job="native", cluster=~"$cluster"})`,
    job: 'native',
  },
  // Histograms with bounds of their own have come back as classic ones: section 6.2 of the mapping, and 12.3 for queries. Without rate, which
  // reaches back to before the first sample of a classic counter, but not of a native histogram.
  {
    title: 'latency, 90 %, stored natively at the sender',
    promql: `histogram_quantile(0.9, sum by (path) (irate(app_latency_seconds{${custom}}[$interval])))`,
    receiver: `histogram_quantile(0.9, sum by (path, le) (irate(app_latency_seconds_bucket{${custom}}[$interval])))`,
    job: 'custom',
  },
  {
    title: 'observations, stored natively at the sender',
    promql: `histogram_count(app_latency_seconds{${custom}})`,
    receiver: `label_replace(app_latency_seconds_count{${custom}}, "__name__", "", "__name__", ".*")`,
    job: 'custom',
  },
  {
    title: 'mean latency, stored natively at the sender',
    promql: `histogram_avg(irate(app_latency_seconds{${custom}}[$interval]))`,
    receiver: `irate(app_latency_seconds_sum{${custom}}[$interval]) / irate(app_latency_seconds_count{${custom}}[$interval])`,
    job: 'custom',
  },
]
