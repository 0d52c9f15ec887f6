// What of Java reaches malloc: direct buffers, zlib, threads, class loading, the compiler's arenas.
import java.nio.ByteBuffer;
import java.util.*;
import java.util.concurrent.*;
import java.util.zip.*;

public class Work {
  static long churn(int seed) throws Exception {
    Random random = new Random(seed);
    CRC32 crc = new CRC32();
    for (int i = 0; i < 300; i++) {
      byte[] data = new byte[1000 + random.nextInt(60000)];
      for (int j = 0; j < data.length; j++) data[j] = (byte) (random.nextInt(16));
      Deflater deflater = new Deflater();
      deflater.setInput(data);
      deflater.finish();
      byte[] packed = new byte[data.length + 100];
      int n = deflater.deflate(packed);
      deflater.end();
      Inflater inflater = new Inflater();
      inflater.setInput(packed, 0, n);
      byte[] back = new byte[data.length];
      inflater.inflate(back);
      inflater.end();
      if (!Arrays.equals(data, back)) throw new Exception("differs");
      ByteBuffer direct = ByteBuffer.allocateDirect(data.length);
      direct.put(back);
      direct.flip();
      crc.update(direct);
    }
    return crc.getValue();
  }

  public static void main(String[] args) throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(8);
    List<Future<Long>> sums = new ArrayList<>();
    for (int i = 0; i < 24; i++) { int seed = i; sums.add(pool.submit(() -> churn(seed))); }
    for (Future<Long> sum : sums) System.out.println(sum.get());
    pool.shutdown();
    List<Thread> threads = new ArrayList<>();
    ConcurrentHashMap<Integer, String> map = new ConcurrentHashMap<>();
    for (int i = 0; i < 500; i++) { int n = i; threads.add(new Thread(() -> map.put(n, "t" + n))); }
    for (Thread t : threads) t.start();
    for (Thread t : threads) t.join();
    System.out.println(map.size());
  }
}
