import brave.Span.Kind;
import brave.Tracing;
import brave.handler.MutableSpan;
import brave.propagation.TraceContext;
import io.jaegertracing.Configuration;
import io.jaegertracing.Configuration.ReporterConfiguration;
import io.jaegertracing.Configuration.SamplerConfiguration;
import io.jaegertracing.Configuration.SenderConfiguration;
import io.jaegertracing.internal.JaegerSpan;
import io.jaegertracing.internal.JaegerTracer;
import io.opentracing.References;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.StringJoiner;
import zipkin2.reporter.BytesEncoder;
import zipkin2.reporter.Encoding;
import zipkin2.reporter.brave.AsyncZipkinSpanHandler;
import zipkin2.reporter.brave.MutableSpanBytesEncoder;
import zipkin2.reporter.urlconnection.URLConnectionSender;

/** What clients for Java send of a small shop: jaeger-client and Brave. ../README.md says how it is told what to do. */
public final class Emit {
  static final Map<String, String> env = System.getenv();

  static Configuration jaegerConfiguration(SamplerConfiguration sampler) {
    var to = new SenderConfiguration();
    String[] agent = env.getOrDefault("AGENT", "").split(":");
    if (agent.length == 2) to.withAgentHost(agent[0]).withAgentPort(Integer.parseInt(agent[1]));
    else to.withEndpoint(env.get("JAEGER_URL"));
    return new Configuration(env.get("SERVICE")).withSampler(sampler).withTracerTags(Map.of("service.version", "1.4.2", "zone", "eu"))
        .withTraceId128Bit(true).withReporter(new ReporterConfiguration().withSender(to).withFlushInterval(100));
  }

  static JaegerTracer.SpanBuilder with(JaegerTracer.SpanBuilder builder, Object... tags) {
    for (int i = 0; i < tags.length; i += 2) {
      var key = (String) tags[i];
      if (tags[i + 1] instanceof Number number) builder.withTag(key, number);
      else if (tags[i + 1] instanceof Boolean bool) builder.withTag(key, bool);
      else builder.withTag(key, (String) tags[i + 1]);
    }
    return builder;
  }

  static void jaeger() {
    try (var tracer = jaegerConfiguration(new SamplerConfiguration().withType("const").withParam(1)).getTracer()) {
      var root = with(tracer.buildSpan("checkout"), "span.kind", "server", "http.method", "POST", "http.status_code", 404,
          "ratio", 0.25, "cached", true, "big", 9007199254740993L).start();
      var charge = with(tracer.buildSpan("charge").asChildOf(root), "span.kind", "client", "error", true, "peer.service", "payments").start();
      charge.log(new LinkedHashMap<>(Map.of("event", "error", "error.kind", "Timeout", "message", "no answer")));
      charge.log(Map.of("message", "retry", "attempt", 2));
      charge.finish();
      with(tracer.buildSpan("lookup").asChildOf(root), "span.kind", "client", "http.status_code", 404).start().finish();
      with(tracer.buildSpan("forgiven").asChildOf(root), "span.kind", "client", "error", false, "http.status_code", 500).start().finish();
      with(tracer.buildSpan("shouting").asChildOf(root), "span.kind", "CLIENT", "error", "true").start().finish();
      with(tracer.buildSpan("scoped").asChildOf(root), "otel.library.name", "shop", "otel.library.version", "2.0", "w3c.tracestate", "a=1")
          .start().finish();
      var audit = with(tracer.buildSpan("audit").addReference(References.FOLLOWS_FROM, root.context()), "span.kind", "producer").start();
      audit.finish();
      tracer.buildSpan("merge").asChildOf(root).addReference(References.CHILD_OF, charge.context())
          .addReference(References.FOLLOWS_FROM, audit.context()).start().finish();
      var debugged = tracer.buildSpan("debugged").asChildOf(root).start();
      debugged.setTag("sampling.priority", 1);
      debugged.finish();
      root.finish();
      System.out.println("trace " + ((JaegerSpan) root).context().getTraceId() + " 9");
    }
  }

  static BytesEncoder<MutableSpan> encoder() {
    return MutableSpanBytesEncoder.forEncoding("proto3".equals(env.get("ZIPKIN_ENCODING")) ? Encoding.PROTO3 : Encoding.JSON);
  }

  static void zipkin() throws InterruptedException {
    var bytes = encoder();
    try (var sender = URLConnectionSender.newBuilder().endpoint(env.get("ZIPKIN_URL")).encoding(bytes.encoding()).build();
        var handler = AsyncZipkinSpanHandler.newBuilder(sender).build(bytes);
        var tracing = Tracing.newBuilder().localServiceName(env.get("SERVICE")).localIp("10.0.0.7").localPort(8080)
            .traceId128Bit(true).addSpanHandler(handler).build()) {
      var tracer = tracing.tracer();
      var root = tracer.newTrace().name("GET /cart").kind(Kind.SERVER).tag("http.method", "GET").tag("http.status_code", "200").start();
      root.annotate("cache.miss");
      var charge = tracer.newChild(root.context()).name("charge").kind(Kind.CLIENT).remoteServiceName("payments");
      charge.remoteIpAndPort("10.1.2.3", 8443);
      charge.start();
      charge.error(new IllegalStateException("timeout after 3 s"));
      // The server's half of the same span.
      tracer.joinSpan(charge.context().toBuilder().shared(false).build()).name("charge").kind(Kind.SERVER).start().finish();
      charge.finish();
      tracer.newChild(root.context()).name("send").kind(Kind.PRODUCER).start().finish();
      tracer.newChild(root.context()).name("take").kind(Kind.CONSUMER).start().finish();
      tracer.newChild(root.context()).name("price").start().annotate("a|b").finish();
      TraceContext debug = root.context().toBuilder().debug(true).build();
      tracer.newChild(debug).name("debugged").kind(Kind.CLIENT).start().finish();
      root.finish();
      handler.flush();
      System.out.println("trace " + root.context().traceIdString() + " 7");
    }
  }

  static void sampling() throws InterruptedException {
    var sampler = new SamplerConfiguration().withType("remote").withParam(Double.valueOf(env.get("INITIAL")))
        .withManagerHostPort(env.get("SAMPLING").replaceFirst("^http://", "").replaceFirst("/.*", ""));
    var counts = new StringJoiner(",", "{", "}");
    try (var tracer = jaegerConfiguration(sampler).getTracer()) {
      Thread.sleep(1000);
      for (String operation : env.get("OPERATIONS").split(",")) {
        int count = 0;
        for (int i = 0; i < 50; i++) {
          var span = (JaegerSpan) tracer.buildSpan(operation).start();
          if (span.context().isSampled()) count++;
          span.finish();
        }
        counts.add("\"" + operation + "\":" + count);
      }
    }
    System.out.println("sampled " + counts);
  }

  public static void main(String[] args) throws InterruptedException {
    switch (env.get("DO")) {
      case "jaeger" -> jaeger();
      case "zipkin" -> zipkin();
      default -> sampling();
    }
    System.exit(0);
  }
}
