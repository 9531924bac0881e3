import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** Uses what a small service uses beside its heap, says so, and then leaks heap until something ends it. */
public class Leak {
    static final List<Object> kept = new ArrayList<>();

    public static void main(String[] words) throws Exception {
        int threads = Integer.parseInt(words[0]);
        int directMebibytes = Integer.parseInt(words[1]);
        for (int i = 0; i < threads; i++) {
            Thread thread = new Thread(() -> {
                try {
                    Thread.sleep(600_000);
                } catch (InterruptedException ended) {
                    Thread.currentThread().interrupt();
                }
            });
            thread.setDaemon(true);
            thread.start();
        }
        for (int i = 0; i < directMebibytes; i++) {
            ByteBuffer buffer = ByteBuffer.allocateDirect(1 << 20);
            while (buffer.hasRemaining()) buffer.put((byte) 1);
            kept.add(buffer);
        }
        System.out.println("warm");
        while (true) {
            byte[] page = new byte[64 * 1024];
            for (int i = 0; i < page.length; i += 4096) page[i] = 1;
            kept.add(page);
        }
    }
}
