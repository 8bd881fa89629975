import ch.qos.logback.classic.LoggerContext;
import co.elastic.clients.elasticsearch.ElasticsearchClient;
import co.elastic.clients.elasticsearch._helpers.bulk.BulkIngester;
import co.elastic.clients.elasticsearch._helpers.bulk.BulkListener;
import co.elastic.clients.elasticsearch.core.BulkRequest;
import co.elastic.clients.elasticsearch.core.BulkResponse;
import co.elastic.clients.elasticsearch.core.bulk.BulkOperation;
import co.elastic.clients.json.jackson.JacksonJsonpMapper;
import co.elastic.clients.transport.rest_client.RestClientTransport;
import com.internetitem.logback.elasticsearch.ElasticsearchAppender;
import com.internetitem.logback.elasticsearch.config.ElasticsearchProperties;
import com.internetitem.logback.elasticsearch.config.HttpRequestHeader;
import com.internetitem.logback.elasticsearch.config.HttpRequestHeaders;
import com.internetitem.logback.elasticsearch.config.Property;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URL;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.http.HttpHost;
import org.elasticsearch.client.RestClient;
import org.slf4j.LoggerFactory;

/** Reads lines and ships each with the BulkIngester of elasticsearch-java, or with logback-elasticsearch-appender. See ../README.md. */
class Ship {
  static final String URL = System.getenv("ES_URL"), INDEX = System.getenv("INDEX");
  static final boolean CAREFUL = System.getenv("CAREFUL") != null;
  static final AtomicLong delivered = new AtomicLong(), lost = new AtomicLong();
  static final Map<String, Long> faults = new TreeMap<>();

  static synchronized void fault(String words, long count) {
    var brief = words == null ? "" : words.replaceAll("[\"\\\\\\p{Cntrl}]", " ");
    brief = brief.substring(0, Math.min(120, brief.length()));
    if (faults.containsKey(brief) || faults.size() < 8) faults.merge(brief, count, Long::sum);
  }

  public static void main(String[] args) throws Exception {
    var lines = new BufferedReader(new InputStreamReader(System.in));
    if ("logback".equals(System.getenv("CLIENT"))) logback(lines);
    else ingester(lines);
    var said = new StringBuilder();
    faults.forEach((words, count) -> said.append(said.isEmpty() ? "" : ",").append('"').append(words).append("\":").append(count));
    System.out.println("said {\"delivered\":" + delivered + ",\"lost\":" + lost + ",\"faults\":{" + said + "}}");
    System.exit(0);
  }

  static void ingester(BufferedReader lines) throws Exception {
    try (var rest = RestClient.builder(HttpHost.create(URL)).build()) {
      var client = new ElasticsearchClient(new RestClientTransport(rest, new JacksonJsonpMapper()));
      var again = new java.util.concurrent.LinkedBlockingQueue<BulkOperation>();
      var open = new AtomicLong();
      var listener = new BulkListener<Void>() {
        public void beforeBulk(long id, BulkRequest request, List<Void> contexts) {}

        public void afterBulk(long id, BulkRequest request, List<Void> contexts, BulkResponse answer) {
          for (int i = 0; i < answer.items().size(); i++) {
            var error = answer.items().get(i).error();
            if (error == null) {
              delivered.incrementAndGet();
              open.decrementAndGet();
            } else gaveUp(request.operations().get(i), error.type());
          }
        }

        public void afterBulk(long id, BulkRequest request, List<Void> contexts, Throwable failure) {
          for (var operation : request.operations()) gaveUp(operation, failure.toString());
        }

        void gaveUp(BulkOperation operation, String fault) {
          if (CAREFUL) {
            fault("again: " + fault, 1);
            again.add(operation);
          } else {
            fault(fault, 1);
            lost.incrementAndGet();
            open.decrementAndGet();
          }
        }
      };
      var ingester = BulkIngester.<Void>of(b -> b.client(client).flushInterval(1, TimeUnit.SECONDS).listener(listener));
      long nextAgain = 0;
      for (String line; (line = lines.readLine()) != null; ) {
        var document = Map.of("@timestamp", Instant.now().toString(), "message", line, "log.level", "info");
        open.incrementAndGet();
        ingester.add(op -> op.index(i -> i.index(INDEX).document(document)));
        // What the listener was given back goes in again, once a second.
        if (System.nanoTime() < nextAgain) continue;
        nextAgain = System.nanoTime() + 1_000_000_000L;
        for (int count = again.size(); count > 0; count--) ingester.add(again.poll());
      }
      while (CAREFUL && open.get() > 0) {
        Thread.sleep(1000);
        for (int count = again.size(); count > 0; count--) ingester.add(again.poll());
      }
      ingester.close();
    }
  }

  static void logback(BufferedReader lines) throws Exception {
    var context = (LoggerContext) LoggerFactory.getILoggerFactory();
    context.reset();
    var appender = new ElasticsearchAppender();
    appender.setContext(context);
    appender.setUrl(new URL(URL + "/_bulk").toString());
    appender.setIndex(INDEX);
    appender.setType("_doc");
    appender.setErrorsToStderr(true);
    if (CAREFUL) {
      appender.setMaxRetries(100000);
      appender.setSleepTime(1000);
    }
    var headers = new HttpRequestHeaders();
    var header = new HttpRequestHeader();
    header.setName("Content-Type");
    header.setValue("application/json");
    headers.addHeader(header);
    appender.setHeaders(headers);
    var properties = new ElasticsearchProperties();
    properties.addProperty(new Property("severity", "%level", false));
    appender.setProperties(properties);
    appender.start();
    var logger = context.getLogger("app");
    logger.setLevel(ch.qos.logback.classic.Level.INFO);
    logger.setAdditive(false);
    logger.addAppender(appender);
    for (String line; (line = lines.readLine()) != null; delivered.incrementAndGet()) logger.info(line);
    // Its writer thread ends when nothing is left, or when it has given up; it says nothing of either, so that time must do.
    for (int quiet = 0; quiet < 5; ) {
      boolean writing = Thread.getAllStackTraces().keySet().stream().anyMatch(t -> t.getName().startsWith("es-writer"));
      quiet = writing ? 0 : quiet + 1;
      Thread.sleep(500);
    }
    appender.stop();
  }
}
