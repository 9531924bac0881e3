import { createRequire } from 'node:module';
import type { Chart } from './chart.ts';
import { chartFont, chartSvg } from './chart-svg.ts';

const require = createRequire(import.meta.url);
/**
 * A container may have no fonts at all: these two come with the installation. Not every font will do: Inter draws the x of a pod's
 * name between two digits as a sign of multiplication, and cannot be told not to.
 */
const fontFiles = ['400Regular/IBMPlexSans_400Regular.ttf', '600SemiBold/IBMPlexSans_600SemiBold.ttf'].map((file) =>
  require.resolve(`@expo-google-fonts/ibm-plex-sans/${file}`),
);

/** Draws a chart as PNG, on another thread. */
export async function drawChart(chart: Chart): Promise<Uint8Array> {
  const { renderAsync } = await import('@resvg/resvg-js');
  const image = await renderAsync(chartSvg(chart), {
    font: { fontFiles, loadSystemFonts: false, defaultFontFamily: chartFont },
  });
  return image.asPng();
}
