/** What the tests use of s3rver, an S3-compatible server. */
declare module 's3rver' {
  export default class S3rver {
    constructor(options: {
      port: number
      address: string
      silent: boolean
      directory: string
      configureBuckets: { name: string; configs: never[] }[]
    })
    run(): Promise<unknown>
    close(): Promise<void>
  }
}
