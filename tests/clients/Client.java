import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.CookieManager;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;

/** The client of the JDK with its cookie jar: reads a method and a path from each line, and prints the status and the body. */
class Client {
    public static void main(String[] args) throws Exception {
        // As it comes: it offers HTTP/2 with the first request on a plain connection.
        HttpClient client = HttpClient.newBuilder().cookieHandler(new CookieManager()).build();
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] words = line.split(" ");
            HttpRequest request = HttpRequest.newBuilder(URI.create(args[0] + words[1]))
                .method(words[0], BodyPublishers.noBody())
                .header("Origin", args[0])
                .build();
            var response = client.send(request, BodyHandlers.ofString());
            System.out.println(response.statusCode() + " " + response.body());
        }
    }
}
