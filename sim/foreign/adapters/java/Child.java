import java.io.BufferedReader;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Speaks quotalab's protocol 1 on standard input and output: a line of JSON is a question, a line of JSON is the
 * answer. Each request under way has a thread, and each thread a connection. It needs the JDK alone; with your own
 * client and limiter, connect them in Limiter.
 */
public class Child {
  /** Asks your limiter. This one reads, then writes: two callers at once see the same count. */
  static class Limiter {
    final String prefix;
    final long count;
    final ThreadLocal<Connection> connections;

    Limiter(String at, String prefix, long count) {
      this.prefix = prefix;
      this.count = count;
      connections = ThreadLocal.withInitial(() -> {
        try { return new Connection(at); } catch (IOException e) { throw new UncheckedIOException(e); }
      });
    }

    boolean take(String key, long cost) throws IOException {
      Connection redis = connections.get();
      String spent = redis.call("GET", prefix + key);
      long n = (spent == null ? 0 : Long.parseLong(spent)) + cost;
      if (n > count) return false;
      redis.call("SET", prefix + key, Long.toString(n));
      return true;
    }
  }

  /** A connection to a shard, as little as a limiter needs. */
  static class Connection {
    final SocketChannel channel;
    final ByteBuffer in = ByteBuffer.allocate(4096).limit(0);

    /** At the path of a Unix socket. */
    Connection(String at) throws IOException {
      channel = SocketChannel.open(UnixDomainSocketAddress.of(at));
    }

    byte read() throws IOException {
      while (!in.hasRemaining()) {
        in.clear();
        if (channel.read(in) < 0) throw new EOFException();
        in.flip();
      }
      return in.get();
    }

    String line() throws IOException {
      StringBuilder text = new StringBuilder();
      for (int c; (c = read()) != '\r'; ) text.append((char) c);
      read();
      return text.toString();
    }

    String call(String... words) throws IOException {
      StringBuilder text = new StringBuilder("*" + words.length + "\r\n");
      for (String w : words) text.append("$").append(w.getBytes(StandardCharsets.UTF_8).length).append("\r\n").append(w).append("\r\n");
      ByteBuffer out = ByteBuffer.wrap(text.toString().getBytes(StandardCharsets.UTF_8));
      while (out.hasRemaining()) channel.write(out);
      String head = line();
      if (head.charAt(0) == '-') throw new IOException(head.substring(1));
      if (head.charAt(0) != '$') return head.substring(1);
      int length = Integer.parseInt(head.substring(1));
      if (length < 0) return null;
      byte[] value = new byte[length];
      for (int i = 0; i < length; i++) value[i] = read();
      read();
      read();
      return new String(value, StandardCharsets.UTF_8);
    }
  }

  /** The first field of that name, wherever it is in the line. */
  static String field(String line, String name) {
    Matcher m = Pattern.compile("\"" + name + "\":\"?([^\",}]*)").matcher(line);
    return m.find() ? m.group(1) : "";
  }

  public static void main(String[] args) throws Exception {
    PrintStream out = System.out;
    System.setOut(System.err); // whatever a library prints must not come between the answers
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    String hello = in.readLine();
    Limiter limiter = new Limiter(field(hello, "socket"), field(hello, "prefix"), Long.parseLong(field(hello, "count")));
    out.println("{\"ready\":{\"protocol\":1,\"name\":\"java\",\"version\":\"" + System.getProperty("java.version") + "\",\"keys\":\"" + field(hello, "prefix") + "{key}\"}}");
    ExecutorService threads = Executors.newCachedThreadPool();
    for (String line; (line = in.readLine()) != null; ) {
      String question = line;
      threads.submit(() -> {
        String id = field(question, "id"), answer;
        long clock = System.currentTimeMillis();
        try {
          answer = "\"allowed\":" + limiter.take(field(question, "key"), Long.parseLong(field(question, "cost")));
        } catch (Exception e) {
          e.printStackTrace();
          answer = "\"error\":\"" + e.toString().replaceAll("[\"\\\\\\p{Cntrl}]", " ") + "\"";
        }
        synchronized (out) { out.println("{\"id\":" + id + "," + answer + ",\"clock_ms\":" + clock + "}"); }
      });
    }
    System.exit(0); // quotalab has ended
  }
}
