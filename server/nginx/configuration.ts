import { join } from 'node:path'
import { HLS_PLAYLIST_SECONDS, HLS_SEGMENT_CACHE_SECONDS, HLS_SEGMENT_SECONDS } from './hls-shape.ts'

/** Connections of one address to nginx's HTTP port, at a time: viewers behind one address, of whom each has a few. */
const MAX_CONNECTIONS = 1_000

/** What an nginx configuration is made of. */
export interface NginxSettings {
  host: string
  hlsPort: number
  /** The port on 127.0.0.1 at which the gateway publishes to it, and the name of the application, which nobody else knows. */
  rtmpPort: number
  application: string
  /** Whether it can replace texts in what it sends. */
  hasSubFilter: boolean
  /** Whether nobody may watch without being asked for a token: nginx then hands out no HLS itself. */
  isPrivate: boolean
  /** Whose pages may play; empty, or with `*`, for any. */
  origins: readonly string[]
  /** Directory of its own files. */
  directory: string
  /** Directory of the playlists and segments. */
  hlsDirectory: string
  /** The dynamic module to load, or null where nginx has it built in. */
  rtmpModule: string | null
  /** Whether the gateway runs as root: nginx would then give its workers to a user who cannot write here. */
  asRoot: boolean
}

/** The configuration of the private nginx, in nginx's own language. */
export function nginxConfiguration(settings: NginxSettings): string {
  const { host, directory, hlsDirectory } = settings
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return `# Written by Castgate at every start: changes are lost.
${settings.rtmpModule ? `load_module ${quoted(settings.rtmpModule)};` : ''}
${settings.asRoot ? 'user root;' : ''}
daemon off;
worker_processes 1;
pid ${quoted(join(directory, 'nginx.pid'))};
error_log stderr warn;

# The gateway's own connections and viewers of HLS share them, and each needs a file.
worker_rlimit_nofile 16384;
events { worker_connections 8192; }

rtmp {
  access_log off;
  server {
    # Encoders and players meet the gateway; here, it alone publishes. A socket of UNIX would do, but nginx-rtmp makes no HLS of what comes there.
    listen 127.0.0.1:${settings.rtmpPort};
    chunk_size 4096;
    # One picture may have as many bytes as FLV can say.
    max_message 16M;
    timeout 15s;

    # Others on this machine would need its name to publish.
    application ${settings.application} {
      live on;
      deny play all;

      hls on;
      hls_path ${quoted(hlsDirectory)};
      hls_fragment ${HLS_SEGMENT_SECONDS}s;
      hls_playlist_length ${HLS_PLAYLIST_SECONDS}s;
      hls_continuous on;
      # Two segments of a backlog begin in the same millisecond: a name of its time would be that of both.
      hls_fragment_naming sequential;
    }
  }
}

http {
  access_log off;
  server_tokens off;
${temporary.map((name) => `  ${name}_temp_path ${quoted(join(directory, `${name}_temp`))};`).join('\n')}
  types {
    application/vnd.apple.mpegurl m3u8;
    video/mp2t ts;
  }

  map $http_origin $allowed_origin {
${allowedOrigins(settings.origins)}
  }
  limit_conn_zone $binary_remote_addr zone=addresses:1m;

  server {
    listen ${listen(host, settings.hlsPort)};
    limit_conn addresses ${MAX_CONNECTIONS};
    limit_conn_status 429;
    client_header_timeout 10s;
    client_body_timeout 10s;
    client_max_body_size 1k;
    keepalive_timeout 30s;
    send_timeout 30s;

${settings.isPrivate ? '' : hlsLocations(hlsDirectory)}
${settings.hasSubFilter ? statLocation(settings.application) : ''}

    location / { return 404; }
  }
}
`
}

/** What a page may read, by its origin: a header without a value is not sent. */
function allowedOrigins(origins: readonly string[]): string {
  if (origins.length === 0 || origins.includes('*')) return '    default "*";'
  return ['    default "";', ...origins.map((origin) => `    ${quoted(origin)} ${quoted(origin)};`)].join('\n')
}

/** What is published, for programs of this machine. The name of the application is not told. */
function statLocation(application: string): string {
  return `
    location = /stat {
      allow 127.0.0.1;
      allow ::1;
      deny all;
      rtmp_stat all;
      sub_filter_types *;
      sub_filter ${application} live;
      sub_filter_once off;
      add_header Cache-Control no-store;
    }
`
}

function hlsLocations(hlsDirectory: string): string {
  return `
    location ~ ^/hls/([A-Za-z0-9_-]+\\.m3u8)$ {
      alias ${quoted(`${hlsDirectory}/$1`)};
      add_header Access-Control-Allow-Origin $allowed_origin always;
      add_header Vary Origin always;
      add_header Cache-Control no-cache always;
    }

    location ~ ^/hls/([A-Za-z0-9_-]+\\.ts)$ {
      alias ${quoted(`${hlsDirectory}/$1`)};
      add_header Access-Control-Allow-Origin $allowed_origin always;
      add_header Vary Origin always;
      add_header Cache-Control "public, max-age=${HLS_SEGMENT_CACHE_SECONDS}";
    }
`
}

/** A string of nginx's language. It has no way to write a dollar sign, so a directory with one in its name does not work. */
function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&')}"`
}

function listen(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
